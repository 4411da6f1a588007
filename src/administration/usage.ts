/** Where the space went: bytes by tenant, table and kind. */
import * as Effect from "effect/Effect"
import type { CatalogState, Table } from "../catalog/state.ts"
import { checkpointFolder } from "../mvcc/checkpoint/store.ts"
import type { MvccService } from "../mvcc/Mvcc.ts"
import { segmentFolder } from "../mvcc/recovery/segmentFiles.ts"
import type { SegmentFilesService } from "../mvcc/SegmentFiles.ts"
import type { BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { archiveFolder } from "../wal/archive.ts"
import type { WalService } from "../wal/Wal.ts"
import type { Usage } from "./Inspection.ts"

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

/** What one table takes. */
export const tableUsage = (mvcc: MvccService, table: Table): ReadonlyArray<Usage> => {
  const owner = { tenant: table.tenant, table: table.name }
  const indexes = table.segments.flatMap((segment) => segment.indexes)
  const versions = mvcc.versions(table.id)
  const usage: ReadonlyArray<Usage> = [
    {
      ...owner,
      kind: "segments",
      bytes: sum(table.segments.map(({ bytes }) => bytes)),
      files: table.segments.length
    },
    { ...owner, kind: "indexes", bytes: sum(indexes.map(({ bytes }) => bytes)), files: indexes.length },
    { ...owner, kind: "memory", bytes: (versions?.usedBytes ?? 0) + (versions?.markBytes ?? 0), files: 0 }
  ]
  return usage.filter(({ bytes, kind }) => kind === "segments" || bytes > 0)
}

/** Names of all files that tables have. */
export const namedFiles = (catalog: CatalogState): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const { segments } of catalog.tables.values()) {
    for (const { indexes, name } of segments) {
      names.add(name)
      for (const file of indexes) names.add(file.name)
    }
  }
  return names
}

/** Files of segments that no table names: being written, being read still, or left by a crash. */
export const unnamedFiles = (
  storage: BlockStorageService,
  catalog: () => CatalogState
): Effect.Effect<ReadonlyArray<string>, StorageError> =>
  Effect.map(storage.list(`${segmentFolder}/`), (names) => {
    const named = namedFiles(catalog())
    return names.filter((name) => !named.has(name))
  })

/** Bytes of some files; one that is gone meanwhile has none. */
const sizeOf = (storage: BlockStorageService, names: ReadonlyArray<string>): Effect.Effect<number, StorageError> =>
  Effect.map(
    Effect.forEach(
      names,
      (name) =>
        Effect.scoped(Effect.flatMap(storage.open(name, { readOnly: true }), (file) => file.size)).pipe(
          Effect.catch((error) => error.reason === "NotFound" ? Effect.succeed(0) : Effect.fail(error))
        )
    ),
    sum
  )

/** What all tenants share. */
export const sharedUsage = Effect.fnUntraced(function*(
  { catalog, files, storage, wal }: {
    readonly catalog: () => CatalogState
    readonly files: SegmentFilesService
    readonly storage: BlockStorageService
    readonly wal: WalService
  }
): Effect.fn.Return<ReadonlyArray<Usage>, StorageError> {
  const log = yield* wal.status
  const checkpoints = yield* storage.list(`${checkpointFolder}/`)
  const archived = yield* storage.list(`${archiveFolder}/`)
  const unnamed = yield* unnamedFiles(storage, catalog)
  const shared = (kind: Usage["kind"], bytes: number, count: number): Usage => ({
    tenant: "",
    table: "",
    kind,
    bytes,
    files: count
  })
  return [
    shared("log", log.bytes, log.files),
    shared("archive", yield* sizeOf(storage, archived), archived.length),
    shared("checkpoints", yield* sizeOf(storage, checkpoints), checkpoints.length),
    shared("unnamed", yield* sizeOf(storage, unnamed), unnamed.length),
    shared("cache", files.cache.bytes, 0)
  ].filter(({ bytes, kind }) => kind === "log" || bytes > 0)
})
