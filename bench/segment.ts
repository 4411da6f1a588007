/**
 * Segments: sorting, writing, scanning and point reads, with hyparquet and hyparquet-writer on the same rows in the same
 * run. `node bench/segment.ts [rows]`; default 1,000,000.
 *
 * The rows are those of the other benchmarks: nine columns, with the engine's six.
 */
import * as Effect from "effect/Effect"
import { parquetMetadata, parquetRead } from "hyparquet"
import { parquetWriteBuffer } from "hyparquet-writer"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as zlib from "node:zlib"
import { encodeUtf8 } from "../src/base/bytes.ts"
import { DictionaryVector } from "../src/event/dictionary.ts"
import { Int64Vector, NumberVector, setNull, TextVector } from "../src/event/vector.ts"
import { parseDocument } from "../src/schema/document.ts"
import { BlockCache } from "../src/segment/BlockCache.ts"
import { findKey, placeOf } from "../src/segment/lookup.ts"
import { mergeSegments } from "../src/segment/merge/mergeSegments.ts"
import { openSegment, type Segment } from "../src/segment/Segment.ts"
import { sortRows } from "../src/segment/sortRows.ts"
import type { SegmentRows } from "../src/segment/write/SegmentRows.ts"
import { encodeSegment, type SegmentOwner } from "../src/segment/write/SegmentWriter.ts"
import { makeFileStorage } from "../src/storage/fileStorage.ts"
import { describeMachine, type Figure, formatFigure, measure, quantile } from "./harness.ts"
import { keyOf, makeRandom, makeRows, schema as document } from "./workload.ts"

const parsed = parseDocument(JSON.stringify(document))
if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
const { schema } = parsed

/** Rows in memory: in vectors as a memtable has them, and in arrays as hyparquet takes them. */
export interface BenchRows {
  readonly count: number
  readonly rows: SegmentRows
  readonly jsonBytes: number
}

/** Makes rows whose keys arrive in no order. */
export const makeBenchRows = (count: number): BenchRows => {
  const text = () => new DictionaryVector(count)
  const staged = new TextVector(1)
  const keys = new TextVector(count)
  const [carrier, origin] = [text(), text()]
  const flight = new TextVector(count)
  const [delay, distance] = [new NumberVector("float64", count), new NumberVector("float64", count)]
  const seats = new NumberVector("int32", count)
  const [serial, departed] = [new Int64Vector(count), new Int64Vector(count)]
  const cancelled = new NumberVector("bool", count)
  const timestamps = new Int64Vector(count)
  const metadata = new TextVector(count, 0)
  const positions = new Float64Array(count)
  const commitTimes = new Float64Array(count)
  let jsonBytes = 0
  const put = (vector: DictionaryVector, row: number, value: string) => {
    staged.reset()
    staged.set(0, encodeUtf8(value))
    vector.append(row, staged, 0, 1)
  }
  for (let first = 0; first < count; first += 10_000) {
    makeRows(first, Math.min(10_000, count - first)).forEach((row, i) => {
      const at = first + i
      const key = keyOf(at * 7919 % count)
      jsonBytes += JSON.stringify({ key, ...row }).length + 1
      keys.set(at, encodeUtf8(key))
      put(carrier, at, row.carrier)
      put(origin, at, row.origin)
      flight.set(at, encodeUtf8(row.flight))
      delay.values[at] = row.delay
      distance.values[at] = row.distance
      seats.values[at] = row.seats
      serial.values[at] = row.serial
      departed.values[at] = Date.parse(row.departed) * 1000
      cancelled.values[at] = row.cancelled ? 1 : 0
      if (at % 50 === 0) setNull(delay, at)
      setNull(timestamps, at)
      setNull(metadata, at)
      positions[at] = at + 1
      commitTimes[at] = 1_700_000_000_000_000 + Math.floor(at / 1000) * 700
    })
  }
  const columns = [carrier, origin, flight, delay, distance, seats, serial, departed, cancelled]
  return { count, jsonBytes, rows: { keys, positions, commitTimes, timestamps, deleted: undefined, metadata, columns } }
}

const milliseconds = async (run: () => unknown): Promise<number> => {
  const begun = process.hrtime.bigint()
  await run()
  return Number(process.hrtime.bigint() - begun) / 1e6
}

/** The same rows in key order as arrays of JavaScript values. */
const asArrays = ({ count, rows }: BenchRows, order: Int32Array) => {
  const { columns, commitTimes, keys, positions } = rows
  const map = <A>(value: (row: number) => A): Array<A> => Array.from({ length: count }, (_, i) => value(order[i]))
  const decoder = new TextDecoder()
  const names = schema.columns.map((column) => column.name)
  const data = columns.map((vector, i) => {
    switch (vector.kind) {
      case "text":
      case "dictionary":
        return { name: names[i], data: map((row) => decoder.decode(vector.get(row))), type: "STRING" as const }
      case "int64":
        return { name: names[i], data: map((row) => BigInt(vector.values[row])), type: "INT64" as const }
      case "bool":
        return { name: names[i], data: map((row) => vector.values[row] === 1), type: "BOOLEAN" as const }
      default: {
        const type = vector.kind === "int32" ? "INT32" as const : "DOUBLE" as const
        return { name: names[i], data: map((row) => vector.nulls[row] === 1 ? null : vector.values[row]), type }
      }
    }
  })
  return [
    { name: "_key", data: map((row) => decoder.decode(keys.get(row))), type: "STRING" as const, nullable: false },
    { name: "_position", data: map((row) => BigInt(positions[row])), type: "INT64" as const, nullable: false },
    { name: "_commit_time", data: map((row) => BigInt(commitTimes[row])), type: "INT64" as const, nullable: false },
    ...data
  ].map((column) => ({ ...column, columnIndex: true, bloomFilter: column.name === "_key" }))
}

const scan = (segment: Segment, columns: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    let rows = 0
    for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
      for (const column of columns) yield* segment.readColumn(rowGroup, column)
      rows += segment.metadata.rowGroups[rowGroup].rows
    }
    return rows
  })

/** Every column of the newest version of a key. */
const readRecord = (segment: Segment, key: Uint8Array) =>
  Effect.gen(function*() {
    const rows = yield* findKey(segment, key)
    if (rows === undefined) return undefined
    const place = yield* placeOf(segment, rows.first)
    return yield* Effect.forEach(
      segment.metadata.columns,
      (_, column) => segment.page(place.rowGroup, column, place.page),
      { concurrency: "unbounded" }
    )
  })

/** Reads keys one after another; the figure is the median, in milliseconds. */
const pointReads = async (file: string, cacheBytes: number, keys: ReadonlyArray<Uint8Array>, warm: boolean) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const storage = yield* makeFileStorage({ root: path.dirname(file) })
    const segment = yield* openSegment(
      yield* storage.open(path.basename(file), { readOnly: true }),
      new BlockCache(cacheBytes)
    )
    if (warm) { for (const key of keys) yield* readRecord(segment, key) }
    const times: Array<number> = []
    for (const key of keys) {
      const begun = process.hrtime.bigint()
      yield* readRecord(segment, key)
      times.push(Number(process.hrtime.bigint() - begun) / 1e6)
    }
    return { value: quantile(times, 0.5), note: `p99 ${quantile(times, 0.99).toFixed(2)} ms` }
  })))

const mergeInputs = 4

/** Writes the rows as four segments by their age; keys of each are spread over all. */
const writeParts = (folder: string, owner: SegmentOwner, { count, rows }: BenchRows): void => {
  const order = sortRows(rows.keys, rows.positions, count)
  const partOf = (row: number): number => Math.floor(row * mergeInputs / count)
  for (let part = 0; part < mergeInputs; part++) {
    const { chunks } = encodeSegment(owner, rows, order.filter((row) => partOf(row) === part))
    fs.writeFileSync(path.join(folder, `part${part}.parquet`), Buffer.concat(chunks))
  }
}

/** Merges what `writeParts` wrote, versions that nobody sees left out. */
const mergeParts = (folder: string, owner: SegmentOwner, count: number) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const storage = yield* makeFileStorage({ root: folder })
    const inputs = yield* Effect.forEach(
      Array.from({ length: mergeInputs }, (_, part) => `part${part}.parquet`),
      (name) =>
        Effect.flatMap(storage.open(name, { readOnly: true }), (file) => openSegment(file, new BlockCache(0))).pipe(
          Effect.map((segment) => ({ segment }))
        )
    )
    const begun = process.hrtime.bigint()
    const { outputs } = yield* mergeSegments(storage, {
      inputs,
      policy: { horizon: count, expiredBefore: -Infinity, dropsDeletions: true },
      target: { owner, fileBytesMax: 64 * 2 ** 20, rowsMax: Infinity },
      nameOf: (number) => `merged${number}.parquet`
    })
    const value = Number(process.hrtime.bigint() - begun) / 1e6
    const rows = outputs.reduce((sum, { summary }) => sum + summary.rows, 0)
    return { value, note: `${rows} rows left, ${(1000 * value / count).toFixed(2)} us a row` }
  })))

/** What to measure, and whom to tell each figure once it is there. */
export interface SegmentBench {
  readonly rows: number
  readonly runs: number
  readonly pointReads: number
  readonly report?: (figure: Figure) => void
}

/** Measures all of it. */
export const benchSegment = async (options: SegmentBench): Promise<ReadonlyArray<Figure>> => {
  const { report, rows: count, runs } = options
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "varve-bench-segment-"))
  const figures: Array<Figure> = []
  const add = async (name: string, unit: string, run: () => Promise<{ value: number; note?: string }>) => {
    const figure = await measure(name, unit, runs, run)
    figures.push(figure)
    report?.(figure)
  }
  try {
    const bench = makeBenchRows(count)
    const order = sortRows(bench.rows.keys, bench.rows.positions, count)
    const owner = { table: 1, schemaVersion: 1, schema }
    const file = path.join(folder, "own.parquet")
    await add("sort by key", "M keys/s", async () => ({
      value: count / 1000 / await milliseconds(() => sortRows(bench.rows.keys, bench.rows.positions, count))
    }))
    await add("write", "ms", async () => {
      let bytes = 0
      const value = await milliseconds(() => {
        const { chunks, summary } = encodeSegment(owner, bench.rows, order)
        bytes = summary.bytes
        fs.writeFileSync(file, Buffer.concat(chunks))
      })
      return { value, note: `${bytes} bytes, ${(100 - 100 * bytes / bench.jsonBytes).toFixed(1)}% below JSON` }
    })
    const scanning = (columns: (segment: Segment) => ReadonlyArray<number>) => () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function*() {
        const storage = yield* makeFileStorage({ root: folder })
        const segment = yield* openSegment(yield* storage.open("own.parquet", { readOnly: true }), new BlockCache(0))
        const begun = process.hrtime.bigint()
        const rows = yield* scan(segment, columns(segment))
        return { value: Number(process.hrtime.bigint() - begun) / 1e6, note: `${rows} rows` }
      })))
    await add("scan all 15 columns", "ms", scanning((segment) => segment.metadata.columns.map((_, i) => i)))
    await add("scan 12 columns, those with values", "ms", scanning(() => [0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14]))
    await add("scan 2 columns (origin, delay)", "ms", scanning(() => [7, 9]))
    const random = makeRandom(7)
    const keys = Array.from({ length: options.pointReads }, () => encodeUtf8(keyOf(Math.floor(random() * count))))
    const absent = keys.map((key) => encodeUtf8(`${new TextDecoder().decode(key)}x`))
    await add("point read, pages not in the cache", "ms", () => pointReads(file, 16 * 2 ** 20, keys, false))
    await add("point read, pages in the cache", "ms", () => pointReads(file, 2 ** 30, keys, true))
    await add("point read of an absent key", "ms", () => pointReads(file, 2 ** 30, absent, true))

    writeParts(folder, owner, bench)
    await add("merge 4 overlapping segments", "ms", () => mergeParts(folder, owner, count))
    const rewritten = new TextVector(count)
    for (let row = 0; row < count; row++) rewritten.set(row, encodeUtf8(keyOf(row * 7919 % Math.ceil(count / 2))))
    writeParts(folder, owner, { ...bench, rows: { ...bench.rows, keys: rewritten } })
    await add("merge 4 segments, half superseded", "ms", () => mergeParts(folder, owner, count))

    const columnData = asArrays(bench, order)
    const compressors = {
      ZSTD: (bytes: Uint8Array) =>
        zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } })
    }
    let other: ArrayBuffer | undefined
    await add("hyparquet-writer: write 12 columns", "ms", async () => {
      const value = await milliseconds(() => {
        other = parquetWriteBuffer({ columnData, codec: "ZSTD", compressors, rowGroupSize: 131_072, pageSize: 32_768 })
      })
      return { value, note: `${other!.byteLength} bytes` }
    })
    const decompressors = { ZSTD: (bytes: Uint8Array) => new Uint8Array(zlib.zstdDecompressSync(bytes)) }
    const read = (columns: ReadonlyArray<string> | undefined) => async () => ({
      value: await milliseconds(() =>
        parquetRead({
          file: other!,
          compressors: decompressors,
          onChunk: () => {},
          ...(columns === undefined ? {} : { columns: [...columns] })
        })
      )
    })
    await add("hyparquet: scan 12 columns", "ms", read(undefined))
    await add("hyparquet: scan 2 columns", "ms", read(["origin", "delay"]))
    const metadata = parquetMetadata(other!)
    await add("hyparquet: point read of a known row", "ms", async () => {
      const times: Array<number> = []
      for (let i = 0; i < options.pointReads / 5; i++) {
        const rowStart = Math.floor(random() * count)
        times.push(
          await milliseconds(() =>
            parquetRead({
              file: other!,
              metadata,
              compressors: decompressors,
              useOffsetIndex: true,
              rowStart,
              rowEnd: rowStart + 1,
              onComplete: () => {}
            })
          )
        )
      }
      return { value: quantile(times, 0.5), note: `p99 ${quantile(times, 0.99).toFixed(2)} ms` }
    })
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
  return figures
}

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 1_000_000)
  console.log(`${rows} rows; ${describeMachine()}\n`)
  await benchSegment({ rows, runs: 5, pointReads: 1000, report: (figure) => console.log(formatFigure(figure)) })
}
