/**
 * TableConfigured, SegmentsPublished and RowsExpired, version 1: JSON in UTF-8. On disk: do not change; a new layout is a
 * new frame kind.
 */
import * as Schema from "effect/Schema"

/** A duration, a time or a number of rows: a whole number, not negative. */
const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** How long superseded versions and deletions can be read. */
export const History = Schema.Union([
  /** For ever. */
  Schema.Struct({ keep: Schema.Literal("all") }),
  /** For so many microseconds after they were superseded. */
  Schema.Struct({ keep: Schema.Literal("duration"), micros: Whole }),
  /** Only as long as someone is reading them. */
  Schema.Struct({ keep: Schema.Literal("latest") })
])

/** How a table's segments are merged. */
export const Compaction = Schema.Union([
  Schema.Struct({ strategy: Schema.Literal("leveled") }),
  Schema.Struct({ strategy: Schema.Literal("tiered") }),
  /** Segments whose rows were committed in one window of so many microseconds. */
  Schema.Struct({ strategy: Schema.Literal("time-window"), windowMicros: Whole })
])

/** A secondary index. */
export const Index = Schema.Struct({
  name: Schema.String,
  /** The column's id. */
  columnId: Schema.Int,
  /** Counts up at each rebuild: files of an earlier version are not used. */
  version: Whole
})

/** What a user may choose for a table. */
export const TableSettings = Schema.Struct({
  history: History,
  /** Rows expire so many microseconds after their event time; `null` = never. */
  ttlMicros: Schema.NullOr(Whole),
  compaction: Compaction,
  indexes: Schema.Array(Index)
})

/** A table has these settings from here on. */
export const TableConfigured = Schema.Struct({ tableId: Schema.Int, settings: TableSettings })

/**
 * Rows of a table whose event time is before `before` (microseconds) are gone from here on: as if each had been deleted
 * at this event's position.
 */
export const RowsExpired = Schema.Struct({ tableId: Schema.Int, before: Schema.Int })

/** A smallest or largest value: `n` and a number, `i` and an integer beyond 2^53, `t` and base64 of text. */
export const Bound = Schema.Union([
  Schema.Struct({ n: Schema.Union([Schema.Number, Schema.Literals(["Infinity", "-Infinity"])]) }),
  Schema.Struct({ i: Schema.String }),
  Schema.Struct({ t: Schema.Uint8ArrayFromBase64 })
])

/** What a segment holds in one column of the schema. */
export const SegmentColumn = Schema.Struct({
  columnId: Schema.Int,
  nulls: Whole,
  /** About; absent for json. */
  distinct: Schema.optionalKey(Whole),
  /** No value is below it; text is cut. Absent where nothing is known. */
  min: Schema.optionalKey(Bound),
  max: Schema.optionalKey(Bound),
  /** In the file. */
  bytes: Whole
})

/** A file that finds rows of a segment by a column's values. */
export const IndexFile = Schema.Struct({ index: Schema.String, version: Whole, name: Schema.String, bytes: Whole })

/** A segment of a table. */
export const Segment = Schema.Struct({
  /** In the storage: `segments/...`. */
  name: Schema.String,
  /** 0 for what was flushed; deeper levels hold older rows. */
  level: Whole,
  schemaVersion: Whole,
  /** Bytes of the file. */
  bytes: Whole,
  /** About what its columns take in memory. */
  plainBytes: Whole,
  rows: Whole,
  /** Distinct keys. */
  keys: Whole,
  /** Rows that delete their key. */
  deletions: Whole,
  firstKey: Schema.Uint8ArrayFromBase64,
  lastKey: Schema.Uint8ArrayFromBase64,
  firstPosition: Whole,
  lastPosition: Whole,
  /** Commit times of its rows, in microseconds. */
  firstTime: Whole,
  lastTime: Whole,
  /** Event times of its rows, in microseconds; the commit time stands for one that was not given. */
  firstEventTime: Schema.Int,
  lastEventTime: Schema.Int,
  columns: Schema.Array(SegmentColumn),
  indexes: Schema.Array(IndexFile)
})

/**
 * A table's rows lie in other files from here on: `removed` go, `added` come, together. One that is in both is the same
 * file told of anew: at another level, or with an index.
 */
export const SegmentsPublished = Schema.Struct({
  tableId: Schema.Int,
  /** Every row of the table up to this position is in segments. Never goes back. */
  through: Whole,
  /** Versions that no snapshot at or above this position sees may be gone. Never goes back. */
  horizon: Whole,
  removed: Schema.Array(Schema.String),
  added: Schema.Array(Segment)
})
