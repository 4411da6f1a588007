/** Reads by key: one, several, and all versions of one. */
import * as Effect from "effect/Effect"
import { compareBytes, encodeUtf8 } from "../base/bytes.ts"
import type { Caller } from "../base/caller.ts"
import { keyBytesMax } from "../base/limits.ts"
import * as Position from "../base/position.ts"
import type { Column } from "../schema/types.ts"
import { resolveSelect, resultColumn } from "./columns.ts"
import { checkCursor, readCursor, shapeHash, writeCursor } from "./cursor.ts"
import { noTimings, statsOf } from "./drain.ts"
import { checkLength, keysMax, pageRows } from "./limits.ts"
import { distinctKeys, locate } from "./lookUp.ts"
import { openSources } from "./openSources.ts"
import type { OrderedRows } from "./order/TopRows.ts"
import type {
  GetHistoryRequest,
  GetRecordRequest,
  GetRecordsRequest,
  PageAnswer,
  RecordAnswer,
  RecordsAnswer
} from "./Query.ts"
import { fetchRecords } from "./recordReader.ts"
import { refusals } from "./refusals.ts"
import { refuse } from "./refuse.ts"
import type { RecordRow } from "./result.ts"
import type { ReadCost } from "./scan/ReadCost.ts"
import { type Foundation, openTable, type TableView } from "./tableView.ts"

const keyBytes = (key: string, field: string): Uint8Array => {
  if (key === "") refuse("INVALID_KEY", field, "is empty; name the key to read")
  const bytes = encodeUtf8(key)
  if (bytes.length > keyBytesMax) {
    refuse("INVALID_KEY", field, `has ${bytes.length} bytes; keys have at most ${keyBytesMax}`)
  }
  return bytes
}

/** The newest version of each key, deletions and what has expired included; keys ascend. */
interface NewestVersions {
  /** `undefined` where the key has no version. */
  readonly records: ReadonlyArray<RecordRow | undefined>
  readonly isGone: (record: RecordRow) => boolean
  readonly cost: ReadCost
}

const newestVersions = Effect.fnUntraced(
  function*({ mvcc }: Foundation, view: TableView, keys: ReadonlyArray<Uint8Array>, columns: ReadonlyArray<Column>) {
    const { all, cost, expiredBefore } = yield* openSources(mvcc, view, { purpose: "lookup" })
    const located = yield* locate(all, keys)
    const found: Array<number> = []
    located.rows.forEach((row, i) => row >= 0 && found.push(i))
    cost.scanned += found.length
    const rows: OrderedRows = {
      sources: Int32Array.from(found, (i) => located.sources[i]),
      rows: Int32Array.from(found, (i) => located.rows[i])
    }
    const fetched = yield* fetchRecords(all, rows, columns, noTimings())
    const records = new Array<RecordRow | undefined>(keys.length)
    found.forEach((i, place) => records[i] = fetched[place])
    const versions: NewestVersions = {
      records,
      isGone: ({ deleted, timestamp }) => deleted || timestamp < expiredBefore,
      cost
    }
    return versions
  },
  Effect.scoped
)

/** Answers one key. */
export const readRecord = Effect.fnUntraced(
  function*(foundation: Foundation, request: GetRecordRequest, caller: Caller, elapsedMillis: () => number) {
    const view = yield* openTable(foundation, request, caller)
    const columns = yield* refusals(() => resolveSelect(view.scope, request.select))
    const key = yield* refusals(() => keyBytes(request.key, "key"))
    const { cost, isGone, records: [record] } = yield* newestVersions(foundation, view, [key], columns)
    return yield* refusals((): RecordAnswer => {
      const { position } = view.snapshot
      if (record === undefined || isGone(record)) {
        const why = record === undefined
          ? "is not there"
          : record.deleted
          ? "was deleted by then"
          : "had expired by then"
        return refuse(
          "KEY_NOT_FOUND",
          "key",
          `${JSON.stringify(request.key)} ${why}, in table ${view.table.name} at position ${position}`
        )
      }
      return { record, columns: columns.map(resultColumn), position, stats: statsOf(cost, "key", 1, elapsedMillis()) }
    })
  }
)

/** Answers several keys. */
export const readRecords = Effect.fnUntraced(
  function*(foundation: Foundation, request: GetRecordsRequest, caller: Caller, elapsedMillis: () => number) {
    const view = yield* openTable(foundation, request, caller)
    const { asked, columns } = yield* refusals(() => {
      checkLength(request.keys, keysMax, "keys")
      const columns = resolveSelect(view.scope, request.select)
      return { asked: request.keys.map((key, i) => keyBytes(key, `keys[${i}]`)), columns }
    })
    const keys = distinctKeys(asked)
    const versions = yield* newestVersions(foundation, view, keys, columns)
    const records: Array<RecordRow> = []
    const missingKeys: Array<string> = []
    asked.forEach((key, i) => {
      const record = versions.records[placeIn(keys, key)]
      if (record === undefined || versions.isGone(record)) missingKeys.push(request.keys[i])
      else records.push(record)
    })
    const answer: RecordsAnswer = {
      records,
      missingKeys,
      columns: columns.map(resultColumn),
      position: view.snapshot.position,
      stats: statsOf(versions.cost, "key", records.length, elapsedMillis())
    }
    return answer
  }
)

/** Where a key is among keys that ascend. */
const placeIn = (keys: ReadonlyArray<Uint8Array>, key: Uint8Array): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(keys[middle], key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Answers the versions of a key that are kept, newest first: expired ones too, and deletions. */
export const readHistory = Effect.fnUntraced(
  function*(foundation: Foundation, request: GetHistoryRequest, caller: Caller, elapsedMillis: () => number) {
    const { mvcc } = foundation
    const cursor = yield* refusals(() =>
      request.cursor === "" ? undefined : readCursor(request.cursor, mvcc.position())
    )
    const asOf = cursor === undefined ? request.asOf : { kind: "position", position: cursor.position } as const
    const view = yield* openTable(foundation, request, caller, asOf)
    const { position } = view.snapshot
    const { columns, hash, key, limit, upTo } = yield* refusals(() => {
      const columns = resolveSelect(view.scope, request.select)
      const limit = pageRows(request.limit)
      const key = keyBytes(request.key, "key")
      const hash = shapeHash(["history", view.table.tenant, view.table.id, request.key, request.asOf])
      if (cursor !== undefined) checkCursor(cursor, hash, 1)
      return { columns, hash, key, limit, upTo: cursor === undefined ? position : before(cursor.last[0]) }
    })
    const { all, cost } = yield* openSources(mvcc, view, { purpose: "lookup", upTo })
    const sources: Array<number> = []
    const rows: Array<number> = []
    for (let source = all.length - 1; source >= 0 && rows.length <= limit; source--) {
      if (!all[source].mayHold(key)) continue
      for (const row of yield* all[source].versions(key)) {
        if (rows.length > limit) break
        sources.push(source)
        rows.push(row)
      }
    }
    cost.scanned += rows.length
    const hasMore = rows.length > limit
    const answered = { sources: Int32Array.from(sources.slice(0, limit)), rows: Int32Array.from(rows.slice(0, limit)) }
    const records = yield* fetchRecords(all, answered, columns, noTimings())
    if (hasMore) yield* mvcc.hold(view.table.id, position)
    const answer: PageAnswer = {
      records,
      columns: columns.map(resultColumn),
      nextCursor: hasMore ? writeCursor({ position, hash, last: [records[limit - 1].position] }) : "",
      position,
      stats: statsOf(cost, "key", records.length, elapsedMillis())
    }
    return answer
  },
  Effect.scoped
)

/** The position before one that a cursor holds. */
const before = (last: unknown): Position.Position =>
  typeof last === "number" && Number.isSafeInteger(last) && last > 0
    ? Position.make(last - 1)
    : refuse("INVALID_CURSOR", "cursor", "is not one that this server gave; begin again without it")
