/** What lies where: segments, statistics, versions of a key, bytes. */
import * as Effect from "effect/Effect"
import { Inspection, type KeyVersion, type UsageKind } from "../../../administration/Inspection.ts"
import { timestampOf } from "../convert.ts"
import type { AdminService } from "../generated/varve/v1/admin_pb.ts"
import { UsageKind as Kind } from "../generated/varve/v1/admin_storage_pb.ts"
import type { HandlersOf } from "../method.ts"
import { segmentAnswer, statisticsAnswer } from "./answers.ts"
import { selectionOf } from "./requests.ts"

/** Versions of a key where the request names no limit. */
const versionsDefault = 1000

const kinds: Readonly<Record<UsageKind, Kind>> = {
  segments: Kind.SEGMENTS,
  indexes: Kind.INDEXES,
  log: Kind.LOG,
  archive: Kind.ARCHIVE,
  checkpoints: Kind.CHECKPOINTS,
  unnamed: Kind.UNNAMED,
  memory: Kind.MEMORY,
  cache: Kind.CACHE
}

const placeAnswer = ({ place }: KeyVersion) => {
  if (place.kind === "memtable") {
    return { case: "memtable" as const, value: { memtable: place.memtable, row: place.row } }
  }
  const { kind: _, ...value } = place
  return { case: "segment" as const, value }
}

/** The handlers. */
export const makeInspectionHandlers = Effect.gen(function*() {
  const inspection = yield* Inspection
  return {
    listSegments: (request, caller) =>
      Effect.map(inspection.segments(selectionOf(request), caller), (infos) => ({
        segments: infos.map(({ segment, table }) => segmentAnswer(table, segment))
      })),
    getStatistics: (request, caller) =>
      Effect.map(inspection.statistics({ ...selectionOf(request), columns: request.columns }, caller), (tables) => ({
        tables: tables.map(statisticsAnswer)
      })),
    validateCatalog: ({ tenantId }, caller) =>
      Effect.map(inspection.validate(selectionOf({ tenantId, table: "" }), caller), (report) => ({
        tables: report.tables,
        segments: report.segments,
        bytes: BigInt(report.bytes),
        problems: report.problems.map(({ file, problem, table, tenant }) => ({
          tenantId: tenant,
          table,
          file,
          problem
        })),
        unnamedFiles: report.unnamedFiles
      })),
    inspectKey: ({ key, limit, table, tenantId }, caller) =>
      Effect.map(
        inspection.inspectKey({ tenant: tenantId, table, key, limit: limit === 0 ? versionsDefault : limit }, caller),
        ({ position, truncated, versions }) => ({
          position: BigInt(position),
          truncated,
          versions: versions.map((version) => ({
            position: BigInt(version.position),
            commitTime: timestampOf(version.commitTime),
            deleted: version.deleted,
            schemaVersion: version.schemaVersion,
            place: placeAnswer(version),
            ...(version.supersededBy === undefined ? {} : { supersededBy: BigInt(version.supersededBy) })
          }))
        })
      ),
    getUsage: ({ tenantId }, caller) =>
      Effect.map(inspection.usage(selectionOf({ tenantId, table: "" }), caller), (usage) => ({
        usage: usage.map(({ bytes, files, kind, table, tenant }) => ({
          tenantId: tenant,
          table,
          kind: kinds[kind],
          bytes: BigInt(bytes),
          files
        }))
      }))
  } satisfies HandlersOf<typeof AdminService["method"]>
})
