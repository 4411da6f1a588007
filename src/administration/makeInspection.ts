/** The inspection service over catalog, memory and files. */
import * as Effect from "effect/Effect"
import { encodeUtf8 } from "../base/bytes.ts"
import { keyBytesMax } from "../base/limits.ts"
import { Catalog } from "../catalog/Catalog.ts"
import type { Table } from "../catalog/state.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { SegmentFiles } from "../mvcc/SegmentFiles.ts"
import { BlockStorage, type StorageError } from "../storage/BlockStorage.ts"
import { Wal } from "../wal/Wal.ts"
import type { AdministrationError } from "./Administration.ts"
import { checkSegments, footerProblem } from "./checkSegments.ts"
import type { CatalogProblem, InspectionService } from "./Inspection.ts"
import { inspectKey } from "./inspectKey.ts"
import { failure, fromEngine, openTable, quote, selectTables } from "./requests.ts"
import { tableStatistics } from "./statistics.ts"
import { surveyGarbage } from "./surveyGarbage.ts"
import { changed, changeProblem } from "./tableSettings.ts"
import { sharedUsage, tableUsage, unnamedFiles } from "./usage.ts"

const fromStorage = ({ message }: StorageError): AdministrationError => failure("UNEXPECTED", "", message)

/** Versions of a key that are told at most. */
const versionsMax = 100_000

/** Makes the service. */
export const makeInspection = Effect.gen(function*() {
  const catalog = yield* Catalog
  const mvcc = yield* Mvcc
  const files = yield* SegmentFiles
  const storage = yield* BlockStorage
  const wal = yield* Wal

  /** What is wrong with a table's files. */
  const checkFiles = Effect.fnUntraced(function*(id: number) {
    // Pinned together with the entries: what is merged away meanwhile stays until it was looked at.
    const table = yield* files.pin((): { readonly names: ReadonlyArray<string>; readonly value: Table } => {
      const found = catalog.state().tables.get(id)!
      return { names: found.segments.map(({ name }) => name), value: found }
    })
    const problems: Array<CatalogProblem> = []
    const report = (file: string, problem: string) =>
      problems.push({ tenant: table.tenant, table: table.name, file, problem })
    for (const { file, problem } of checkSegments(table)) report(file, problem)
    for (const segment of table.segments) {
      yield* Effect.gen(function*() {
        const { file, metadata } = yield* files.open(segment.name)
        const problem = footerProblem(table.id, segment, metadata, yield* file.size)
        if (problem !== undefined) report(segment.name, problem)
      }).pipe(Effect.catch((error) => Effect.sync(() => report(segment.name, error.message))))
    }
    return { table, problems }
  }, Effect.scoped)

  const service: InspectionService = {
    segments: (selection, caller) =>
      Effect.map(
        Effect.suspend(() => selectTables(catalog.state(), selection, caller)),
        (tables) => tables.flatMap((table) => table.segments.map((segment) => ({ table, segment })))
      ),

    statistics: (request, caller) =>
      Effect.map(
        Effect.suspend(() => selectTables(catalog.state(), request, caller)),
        (tables) => tables.map((table) => tableStatistics(table, mvcc.versions(table.id), request.columns))
      ),

    validate: Effect.fnUntraced(function*(selection, caller) {
      const tables = yield* selectTables(catalog.state(), selection, caller)
      const checked = yield* Effect.forEach(tables, ({ id }) => checkFiles(id))
      const segments = checked.flatMap(({ table }) => table.segments)
      return {
        tables: tables.length,
        segments: segments.length,
        bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
        problems: checked.flatMap(({ problems }) => problems),
        unnamedFiles: caller.tenant === undefined && selection.tenant === undefined
          ? (yield* Effect.mapError(unnamedFiles(storage, catalog.state), fromStorage)).length
          : 0
      }
    }),

    inspectKey: Effect.fnUntraced(function*({ key, limit, ...target }, caller) {
      const table = yield* openTable(catalog.state(), target, caller)
      const bytes = encodeUtf8(key)
      if (bytes.length === 0 || bytes.length > keyBytesMax) {
        return yield* failure("INVALID_KEY", "key", `has ${bytes.length} bytes; 1 to ${keyBytesMax} are allowed`)
      }
      const inspection = yield* Effect.mapError(
        inspectKey(mvcc, table.id, bytes, Math.min(limit, versionsMax)),
        fromEngine
      )
      return inspection.versions.length > 0
        ? inspection
        : yield* failure("KEY_NOT_FOUND", "key", `table ${quote(table.name)} has no version of ${quote(key)}`)
    }),

    garbage: Effect.fnUntraced(function*(request, caller) {
      const table = yield* openTable(catalog.state(), request, caller)
      const problem = changeProblem(request)
      if (problem !== undefined) return yield* fromEngine(problem)
      return yield* Effect.mapError(surveyGarbage(mvcc, table, changed(table.settings, request)), fromEngine)
    }),

    usage: Effect.fnUntraced(function*({ tenant }, caller) {
      const tables = yield* selectTables(catalog.state(), { tenant, table: undefined }, caller)
      const usage = tables.flatMap((table) => tableUsage(mvcc, table))
      if (tenant !== undefined || caller.tenant !== undefined) return usage
      const shared = sharedUsage({ catalog: catalog.state, files, storage, wal })
      return [...usage, ...yield* Effect.mapError(shared, fromStorage)]
    })
  }
  return service
})
