/**
 * What a scan waits for after so many rows were written: finding out which rows of segments they supersede.
 * `node bench/settle.ts [rows of a segment]`; default 1,000,000. The rows written are half as many.
 *
 * Keys of 13 bytes in no order, so that every segment overlaps every other one; only "ascending" has them in order.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { Position } from "../src/base/position.ts"
import type { SegmentEntry } from "../src/event/Event.ts"
import { RowBatch } from "../src/event/rowBatch.ts"
import { Int64Vector, NumberVector, setNull, TextVector } from "../src/event/vector.ts"
import { makeSegmentFiles } from "../src/mvcc/SegmentFiles.ts"
import { settleMarks } from "../src/mvcc/settleMarks.ts"
import { TableVersions } from "../src/mvcc/tableVersions.ts"
import { parseDocument } from "../src/schema/document.ts"
import { sortRows } from "../src/segment/sortRows.ts"
import { storeSegment } from "../src/segment/storeSegment.ts"
import { BlockStorage, type BlockStorageService } from "../src/storage/BlockStorage.ts"
import { makeFileStorage } from "../src/storage/fileStorage.ts"
import { describeMachine, type Figure, formatFigure, measure } from "./harness.ts"

const parsed = parseDocument(JSON.stringify({ columns: [{ name: "flag", type: "bool", nullable: true }] }))
if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
const owner = { table: 1, schemaVersion: 1, schema: parsed.schema }

/** Another number of 32 bits for each number of 32 bits. */
const mix = (number: number): number => {
  let mixed = Math.imul(number ^ (number >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

const scattered = (i: number): string => `user-${mix(i).toString(16).padStart(8, "0")}`
const ascending = (i: number): string => `user-${i.toString(16).padStart(8, "0")}`

/** Keys, as a batch and as a segment have them. */
const keysOf = (count: number, keyOf: (i: number) => string): TextVector => {
  const keys = new TextVector(count)
  for (let i = 0; i < count; i++) keys.set(i, Buffer.from(keyOf(i)))
  return keys
}

const nulls = <A extends TextVector | Int64Vector | NumberVector>(vector: A, count: number): A => {
  for (let row = 0; row < count; row++) setNull(vector, row)
  return vector
}

/** Writes a segment of these keys, at the positions from `first` on. */
const writeSegment = Effect.fnUntraced(
  function*(storage: BlockStorageService, name: string, count: number, first: number, keyOf: (i: number) => string) {
    const positions = Float64Array.from({ length: count }, (_, i) => first + i)
    const rows = {
      keys: keysOf(count, keyOf),
      positions,
      commitTimes: positions,
      timestamps: nulls(new Int64Vector(count), count),
      deleted: undefined,
      metadata: nulls(new TextVector(count), count),
      columns: [nulls(new NumberVector("bool", count), count)]
    }
    let order: Int32Array | undefined = sortRows(rows.keys, positions, count)
    const next = Effect.sync(() => {
      const piece = order === undefined ? undefined : { rows, order }
      order = undefined
      return piece
    })
    const summary = yield* storeSegment(storage, name, owner, next)
    const entry: SegmentEntry = {
      name,
      level: 0,
      schemaVersion: 1,
      bytes: summary.bytes,
      plainBytes: summary.plainBytes,
      rows: summary.rows,
      keys: summary.keys,
      deletions: 0,
      firstKey: summary.minKey,
      lastKey: summary.maxKey,
      firstPosition: first,
      lastPosition: first + count - 1,
      firstTime: first,
      firstEventTime: first,
      lastEventTime: first,
      lastTime: first + count - 1,
      columns: [],
      indexes: []
    }
    return entry
  }
)

/** Segments of which nothing is known, and a memtable of so many rows above them. */
const tableOf = (segments: ReadonlyArray<SegmentEntry>, count: number, keyOf: (i: number) => string): TableVersions => {
  const versions = new TableVersions(1, 2 ** 40)
  const through = Math.max(0, ...segments.map(({ lastPosition }) => lastPosition))
  versions.publish(segments, through as Position)
  if (count === 0) return versions
  const batch = RowBatch.of({ table: 1, schemaVersion: 1, columns: ["bool"] }, count, {
    keys: keysOf(count, keyOf),
    timestamps: nulls(new Int64Vector(count), count),
    metadata: nulls(new TextVector(count), count),
    deleted: undefined,
    columns: [nulls(new NumberVector("bool", count), count)]
  })
  versions.append(batch, (through + 1) as Position)
  return versions
}

/** What to measure, and whom to tell each figure once it is there. */
export interface SettleBench {
  /** Of each segment; half as many are written. */
  readonly rows: number
  /** How many segments there are, ascending. */
  readonly segments: ReadonlyArray<number>
  readonly runs: number
  readonly report?: (figure: Figure) => void
}

/** Measures all of it. */
export const benchSettle = async (options: SettleBench): Promise<ReadonlyArray<Figure>> => {
  const { report, rows, runs } = options
  const most = options.segments[options.segments.length - 1]
  const written = Math.floor(rows / 2)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "varve-bench-settle-"))
  const figures: Array<Figure> = []
  const program = Effect.gen(function*() {
    const storage = yield* makeFileStorage({ root: folder })
    const files = yield* Effect.provideService(
      makeSegmentFiles({ cacheBytesMax: 256 * 2 ** 20 }),
      BlockStorage,
      BlockStorage.of(storage)
    )
    const entries: Array<SegmentEntry> = []
    for (let s = 0; s <= most; s++) {
      const first = s * rows
      entries.push(yield* writeSegment(storage, `${s}.parquet`, rows, first + 1, (i) => scattered(first + i)))
    }
    const ascendingEntry = yield* writeSegment(storage, "ascending.parquet", rows, 1, ascending)
    const add = (name: string, pairs: number, marks: number, isSegment: boolean, make: () => TableVersions) =>
      Effect.promise(async () => {
        const figure = await measure(name, "ms", runs, async () => {
          const versions = make()
          for (const segment of isSegment ? versions.segments.slice(0, -1) : versions.segments) segment.isSettled = true
          const used = process.cpuUsage()
          const begun = process.hrtime.bigint()
          await Effect.runPromise(settleMarks(files, versions))
          const value = Number(process.hrtime.bigint() - begun) / 1e6
          const { system, user } = process.cpuUsage(used)
          const found = versions.segments.reduce((sum, segment) => sum + segment.marks.count, 0)
          if (found !== marks) throw new Error(`${name}: ${found} marks instead of ${marks}`)
          return { value, note: `${((system + user) / pairs).toFixed(3)} us of processor for a key and file` }
        })
        figures.push(figure)
        report?.(figure)
      })
    for (const count of options.segments) {
      const segments = entries.slice(0, count)
      const absent = tableOf(segments, written, (i) => scattered((most + 2) * rows + i))
      const present = tableOf(segments, written, (i) => scattered((i % count) * rows + i))
      const again = (versions: TableVersions) => () => {
        const fresh = tableOf(segments, 0, scattered)
        for (const memtable of versions.memtables) memtable.settled = 0
        fresh.memtables.push(...versions.memtables)
        return fresh
      }
      yield* add(`${written} new keys, ${count} segments`, written * count, 0, false, again(absent))
      yield* add(`${written} keys of ${count} segments`, written * count, written, false, again(present))
    }
    const newer = tableOf([ascendingEntry], written, (i) => ascending(rows + i))
    yield* add(`${written} ascending keys, 1 segment`, written, 0, false, () => {
      for (const memtable of newer.memtables) memtable.settled = 0
      return newer
    })
    const restarted = entries.slice(0, most + 1)
    yield* add(
      `a segment of ${rows} rows, ${most} older ones`,
      rows * most,
      0,
      true,
      () => tableOf(restarted, 0, scattered)
    )
  })
  try {
    await Effect.runPromise(Effect.scoped(program))
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
  return figures
}

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 1_000_000)
  console.log(`${rows} rows a segment; ${describeMachine()}\n`)
  await benchSettle({ rows, segments: [1, 4, 20], runs: 3, report: (figure) => console.log(formatFigure(figure)) })
}
