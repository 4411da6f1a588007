/** From what the engine knows of tables and files to the messages that tell it. */
import { create } from "@bufbuild/protobuf"
import { EmptySchema } from "@bufbuild/protobuf/wkt"
import type { Garbage, TableStatistics } from "../../../administration/Inspection.ts"
import { decodeUtf8 } from "../../../base/bytes.ts"
import { latest, type Table } from "../../../catalog/state.ts"
import type { SegmentEntry, TableSettings } from "../../../event/Event.ts"
import { durationOf, timestampOf } from "../convert.ts"

const duration = (micros: number) => durationOf(micros / 1000)

const empty = () => create(EmptySchema)

const historyAnswer = (history: TableSettings["history"]) =>
  history.keep === "duration"
    ? { keep: { case: "duration" as const, value: duration(history.micros) } }
    : { keep: { case: history.keep, value: empty() } }

const compactionAnswer = (compaction: TableSettings["compaction"]) =>
  compaction.strategy === "time-window"
    ? { strategy: { case: "timeWindow" as const, value: duration(compaction.windowMicros) } }
    : { strategy: { case: compaction.strategy, value: empty() } }

/** A table and what was chosen for it. */
export const tableAnswer = (table: Table) => {
  const { schema, version } = latest(table)
  const { compaction, history, indexes, ttlMicros } = table.settings
  return {
    tenantId: table.tenant,
    table: table.name,
    schemaVersion: version,
    settings: {
      history: historyAnswer(history),
      ...(ttlMicros === null ? {} : { ttl: duration(ttlMicros) }),
      compaction: compactionAnswer(compaction),
      indexes: indexes.map(({ columnId, name, version }) => ({
        name,
        column: schema.columns.find(({ id }) => id === columnId)?.name ?? "",
        version
      }))
    },
    historyHorizon: BigInt(table.horizon)
  }
}

/** A segment of a table. */
export const segmentAnswer = ({ name, tenant }: Pick<Table, "name" | "tenant">, segment: SegmentEntry) => ({
  tenantId: tenant,
  table: name,
  name: segment.name,
  level: segment.level,
  schemaVersion: segment.schemaVersion,
  rows: BigInt(segment.rows),
  keys: BigInt(segment.keys),
  deletions: BigInt(segment.deletions),
  bytes: BigInt(segment.bytes),
  plainBytes: BigInt(segment.plainBytes),
  firstKey: decodeUtf8(segment.firstKey),
  lastKey: decodeUtf8(segment.lastKey),
  firstPosition: BigInt(segment.firstPosition),
  lastPosition: BigInt(segment.lastPosition),
  firstTime: timestampOf(segment.firstTime),
  lastTime: timestampOf(segment.lastTime),
  indexes: segment.indexes.map(({ index }) => index)
})

/** Statistics of a table. */
export const statisticsAnswer = (statistics: TableStatistics) => ({
  tenantId: statistics.tenant,
  table: statistics.table,
  segments: statistics.segments,
  rows: BigInt(statistics.rows),
  bytes: BigInt(statistics.bytes),
  plainBytes: BigInt(statistics.plainBytes),
  deletions: BigInt(statistics.deletions),
  superseded: BigInt(statistics.superseded),
  rowsInMemory: BigInt(statistics.rowsInMemory),
  bytesInMemory: BigInt(statistics.bytesInMemory),
  memtables: statistics.memtables,
  levels: statistics.levels.map(({ bytes, level, rows, segments }) => ({
    level,
    segments,
    rows: BigInt(rows),
    bytes: BigInt(bytes)
  })),
  columns: statistics.columns.map(({ bytes, distinct, max, min, name, nulls, type }) => ({
    name,
    type,
    nulls: BigInt(nulls),
    bytes: BigInt(bytes),
    ...(distinct === undefined ? {} : { distinct: BigInt(distinct) }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max })
  })),
  historyHorizon: BigInt(statistics.horizon),
  flushedPosition: BigInt(statistics.flushedThrough),
  ...(statistics.firstTime === undefined ? {} : { firstTime: timestampOf(statistics.firstTime) }),
  ...(statistics.lastTime === undefined ? {} : { lastTime: timestampOf(statistics.lastTime) })
})

/** What of a table could go. */
export const garbageAnswer = (garbage: Garbage) => ({
  tenantId: garbage.tenant,
  table: garbage.table,
  versions: BigInt(garbage.versions),
  superseded: BigInt(garbage.superseded),
  deletions: BigInt(garbage.deletions),
  expired: BigInt(garbage.expired),
  bytes: BigInt(garbage.bytes),
  tableBytes: BigInt(garbage.tableBytes),
  heldByReaders: BigInt(garbage.heldByReaders)
})
