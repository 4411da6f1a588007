/** What is chosen for tables: history, time to live, compaction, indexes. */
import * as Effect from "effect/Effect"
import { Administration, type IndexInfo } from "../../../administration/Administration.ts"
import { Inspection } from "../../../administration/Inspection.ts"
import type { AdminService } from "../generated/varve/v1/admin_pb.ts"
import type { HandlersOf } from "../method.ts"
import { garbageAnswer, tableAnswer } from "./answers.ts"
import { compactionOf, historyOf, selectionOf, ttlOf } from "./requests.ts"

const indexAnswer = ({ column, name, version }: IndexInfo) => ({ name, column, version })

/** The handlers. */
export const makeTableHandlers = Effect.gen(function*() {
  const administration = yield* Administration
  const inspection = yield* Inspection
  return {
    getTable: ({ table, tenantId }, caller) =>
      Effect.map(administration.getTable({ tenant: tenantId, table }, caller), (found) => ({
        table: tableAnswer(found)
      })),
    listTables: ({ tenantId }, caller) =>
      Effect.map(administration.selectTables(selectionOf({ tenantId, table: "" }), caller), (tables) => ({
        tables: tables.map(tableAnswer)
      })),
    configureTable: Effect.fnUntraced(function*(request, caller) {
      const { changed, table } = yield* administration.configureTable({
        tenant: request.tenantId,
        table: request.table,
        history: yield* historyOf(request.history),
        ttlMicros: ttlOf(request.ttl),
        compaction: yield* compactionOf(request.compaction)
      }, caller)
      return { table: tableAnswer(table), changed }
    }),
    previewRetention: Effect.fnUntraced(function*(request, caller) {
      const garbage = yield* inspection.garbage({
        tenant: request.tenantId,
        table: request.table,
        history: yield* historyOf(request.history),
        ttlMicros: ttlOf(request.ttl)
      }, caller)
      return { garbage: garbageAnswer(garbage) }
    }),
    createIndex: ({ column, name, table, tenantId }, caller) =>
      Effect.map(administration.createIndex({ tenant: tenantId, table, name, column }, caller), (index) => ({
        index: indexAnswer(index)
      })),
    dropIndex: ({ name, table, tenantId }, caller) =>
      Effect.as(administration.dropIndex({ tenant: tenantId, table, name }, caller), {}),
    rebuildIndex: ({ name, table, tenantId }, caller) =>
      Effect.map(administration.rebuildIndex({ tenant: tenantId, table, name }, caller), (index) => ({
        index: indexAnswer(index)
      })),
    listIndexes: (request, caller) =>
      Effect.map(administration.listIndexes(selectionOf(request), caller), (indexes) => ({
        indexes: indexes.map((index) => ({
          tenantId: index.tenant,
          table: index.table,
          index: indexAnswer(index),
          segmentsCovered: index.segmentsCovered,
          segments: index.segments,
          bytes: BigInt(index.bytes)
        }))
      }))
  } satisfies HandlersOf<typeof AdminService["method"]>
})
