/** Reads by key: one, several, and all versions of one. */
import * as Effect from "effect/Effect"
import { encodeUtf8 } from "../base/bytes.ts"
import type { Caller } from "../base/caller.ts"
import { keyBytesMax } from "../base/limits.ts"
import { positionColumn, resolveSelect, resultColumn } from "./columns.ts"
import { checkCursor, readCursor, shapeHash, writeCursor } from "./cursor.ts"
import { statsOf, timed } from "./drain.ts"
import { checkLength, keysMax, pageRows } from "./limits.ts"
import type {
  GetHistoryRequest,
  GetRecordRequest,
  GetRecordsRequest,
  PageAnswer,
  RecordAnswer,
  RecordsAnswer
} from "./Query.ts"
import { RecordReader } from "./recordReader.ts"
import { refusals } from "./refusals.ts"
import { refuse } from "./refuse.ts"
import type { RecordRow } from "./result.ts"
import type { NumberRead } from "./scan/readVector.ts"
import { newestVersion } from "./scan/RowFeed.ts"
import { type Foundation, openTable, type TableView } from "./tableView.ts"

const keyBytes = (key: string, field: string): Uint8Array => {
  if (key === "") refuse("INVALID_KEY", field, "is empty; name the key to read")
  const bytes = encodeUtf8(key)
  if (bytes.length > keyBytesMax) {
    refuse("INVALID_KEY", field, `has ${bytes.length} bytes; keys have at most ${keyBytesMax}`)
  }
  return bytes
}

const readRequest = <A>(
  foundation: Foundation,
  request: GetRecordRequest | GetRecordsRequest,
  caller: Caller,
  read: (view: TableView, elapsedMillis: () => number) => A
) =>
  timed((elapsedMillis) =>
    Effect.flatMap(
      openTable(foundation, request, caller),
      (view) => refusals(() => read(view, elapsedMillis))
    )
  )

/** Answers one key. */
export const readRecord = (foundation: Foundation, request: GetRecordRequest, caller: Caller) =>
  readRequest(foundation, request, caller, (view, elapsedMillis): RecordAnswer => {
    const columns = resolveSelect(view.scope, request.select)
    const at = newestVersion(view.sources, keyBytes(request.key, "key"))
    const deletion = at !== undefined && view.sources[at.source].isDeletion(at.row)
    if (at === undefined || deletion) {
      const why = deletion ? "was deleted by then" : "is not there"
      return refuse(
        "KEY_NOT_FOUND",
        "key",
        `${JSON.stringify(request.key)} ${why}, in table ${view.table.name} at position ${view.snapshot.position}`
      )
    }
    return {
      record: new RecordReader(view, columns).read(at.source, at.row),
      columns: columns.map(resultColumn),
      position: view.snapshot.position,
      stats: statsOf(view.sources, { scanned: 1 }, "key", 1, elapsedMillis())
    }
  })

/** Answers several keys. */
export const readRecords = (foundation: Foundation, request: GetRecordsRequest, caller: Caller) =>
  readRequest(foundation, request, caller, (view, elapsedMillis): RecordsAnswer => {
    checkLength(request.keys, keysMax, "keys")
    const columns = resolveSelect(view.scope, request.select)
    const reader = new RecordReader(view, columns)
    const records: Array<RecordRow> = []
    const missingKeys: Array<string> = []
    let scanned = 0
    request.keys.forEach((key, i) => {
      const at = newestVersion(view.sources, keyBytes(key, `keys[${i}]`))
      if (at !== undefined) scanned++
      if (at === undefined || view.sources[at.source].isDeletion(at.row)) missingKeys.push(key)
      else records.push(reader.read(at.source, at.row))
    })
    return {
      records,
      missingKeys,
      columns: columns.map(resultColumn),
      position: view.snapshot.position,
      stats: statsOf(view.sources, { scanned }, "key", records.length, elapsedMillis())
    }
  })

/** Answers the versions of a key, newest first. */
export const readHistory = Effect.fnUntraced(
  function*(foundation: Foundation, request: GetHistoryRequest, caller: Caller, elapsedMillis: () => number) {
    const cursor = yield* refusals(() =>
      request.cursor === "" ? undefined : readCursor(request.cursor, foundation.mvcc.position())
    )
    const asOf = cursor === undefined ? request.asOf : { kind: "position", position: cursor.position } as const
    const view = yield* openTable(foundation, request, caller, asOf)
    return yield* refusals((): PageAnswer => {
      const columns = resolveSelect(view.scope, request.select)
      const limit = pageRows(request.limit)
      const key = keyBytes(request.key, "key")
      const hash = shapeHash(["history", view.table.tenant, view.table.id, request.key, request.asOf])
      if (cursor !== undefined) checkCursor(cursor, hash, 1)
      const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor.last[0])
      const reader = new RecordReader(view, columns)
      const records: Array<RecordRow> = []
      let scanned = 0
      let more = false
      for (let source = view.sources.length - 1; source >= 0 && !more; source--) {
        const positions = (view.sources[source].vector(positionColumn) as NumberRead).values
        for (const row of view.sources[source].versions(key)) {
          if (positions[row] >= before) continue
          scanned++
          more = records.length === limit
          if (more) break
          records.push(reader.read(source, row))
        }
      }
      const { position } = view.snapshot
      return {
        records,
        columns: columns.map(resultColumn),
        nextCursor: more ? writeCursor({ position, hash, last: [records[records.length - 1].position] }) : "",
        position,
        stats: statsOf(view.sources, { scanned }, "key", records.length, elapsedMillis())
      }
    })
  }
)
