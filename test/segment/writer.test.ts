/** What we write, hyparquet reads: it is the oracle here. DuckDB is another one: duckdb.test.ts. */
import { parquetMetadata, parquetRead, parquetReadObjects, readColumnIndex, readOffsetIndex } from "hyparquet"
import * as zlib from "node:zlib"
import { describe, expect, it } from "vitest"
import { encodeUtf8 } from "../../src/base/bytes.ts"
import { DictionaryVector } from "../../src/event/dictionary.ts"
import { Int64Vector, NumberVector, setNull, TextVector } from "../../src/event/vector.ts"
import { type Bound, compareBound, joinBounds } from "../../src/segment/bounds.ts"
import { pageTextBytesMax } from "../../src/segment/format.ts"
import type { SegmentRows, SegmentVector } from "../../src/segment/write/SegmentRows.ts"
import { encodeSegment, SegmentWriter } from "../../src/segment/write/SegmentWriter.ts"
import {
  below,
  doubles,
  expectedColumns,
  fromHyparquet,
  join,
  makeDice,
  type PlainValue,
  type RandomRows,
  randomRows,
  schemaOf
} from "./support.ts"

const compressors = { ZSTD: (bytes: Uint8Array) => new Uint8Array(zlib.zstdDecompressSync(bytes)) }
const raw = <A>(value: A): A => value
const parsers = { stringFromBytes: raw, jsonFromBytes: raw, timestampFromMicroseconds: raw } as never

/** All columns of a file, as hyparquet has them. */
const readByOracle = async (file: Uint8Array<ArrayBuffer>): Promise<Array<Array<PlainValue>>> => {
  const metadata = parquetMetadata(file.buffer)
  const names = metadata.schema.slice(1).map(({ name }) => name)
  const columns = new Map<string, Array<PlainValue>>(names.map((name) => [name, []]))
  await parquetRead({
    file: file.buffer,
    compressors,
    utf8: false,
    parsers,
    onChunk: ({ columnData, columnName, rowStart }) => {
      const column = columns.get(columnName)!
      for (let i = 0; i < columnData.length; i++) column[rowStart + i] = fromHyparquet(columnData[i])
    }
  })
  return names.map((name) => columns.get(name)!)
}

const encode = ({ order, owner, rows }: RandomRows) => {
  const { chunks, summary } = encodeSegment(owner, rows, order)
  return { file: join(chunks), summary }
}

const asBound = (value: PlainValue): Bound =>
  typeof value === "boolean"
    ? Number(value)
    : value === "-0"
    ? 0
    : typeof value === "string"
    ? Buffer.from(value, "hex")
    : value!

/** Columns that differ, by number, so that a failure does not print thousands of values. */
const differing = (left: ReadonlyArray<ReadonlyArray<PlainValue>>, right: ReadonlyArray<ReadonlyArray<PlainValue>>) =>
  left.flatMap((column, i) => {
    const row = column.findIndex((value, at) => !Object.is(value, right[i][at]))
    if (row < 0 && column.length === right[i].length) return []
    return [
      `column ${i}, row ${row}: ${column[row]} and ${right[i][row]}, ${column.length} and ${right[i].length} rows`
    ]
  })

const plainRows = (keys: ReadonlyArray<string>, columns: ReadonlyArray<SegmentVector>): SegmentRows => {
  const count = keys.length
  const keyVector = new TextVector(count)
  keys.forEach((key, row) => keyVector.set(row, encodeUtf8(key)))
  const [timestamps, metadata] = [new Int64Vector(count), new TextVector(count)]
  for (let row = 0; row < count; row++) {
    setNull(timestamps, row)
    setNull(metadata, row)
  }
  const positions = Float64Array.from(keys, (_, row) => row + 1)
  return { keys: keyVector, positions, commitTimes: positions, timestamps, deleted: undefined, metadata, columns }
}

const inOrder = (count: number) => Int32Array.from({ length: count }, (_, row) => row)

const numbered = (count: number, prefix = "key") =>
  Array.from({ length: count }, (_, row) => `${prefix} ${row.toString().padStart(8, "0")}`)

/** More rows than a row group has. */
const large = ((random) => ({ random, ...encode(random) }))(randomRows(100, 134_000))

describe("a segment", () => {
  it.each(Array.from({ length: 24 }, (_, seed) => [seed, [1, 2, 300, 4095, 4096, 4097, 8192, 12_300][seed % 8]]))(
    "is read back by hyparquet (seed %i, %i rows)",
    async (seed, count) => {
      const random = randomRows(seed, count)
      const { file } = encode(random)
      expect(differing(await readByOracle(file), expectedColumns(random))).toEqual([])
    }
  )

  it("of several row groups is read back by hyparquet", async () => {
    const { file, random, summary } = large
    expect(summary.rowGroups).toBe(2)
    expect(parquetMetadata(file.buffer).row_groups.map((rowGroup) => Number(rowGroup.num_rows))).toEqual([
      131_072,
      2928
    ])
    expect(differing(await readByOracle(file), expectedColumns(random))).toEqual([])
  })

  it("has logical types, field ids, sorting and what Varve adds", () => {
    const { file } = encode(randomRows(1, 10))
    const metadata = parquetMetadata(file.buffer)
    expect(metadata.created_by).toBe("varve version 1.0.0 (build 0)")
    expect(metadata.schema.map(({ field_id, logical_type, name, repetition_type, type }) => [
      name,
      type,
      logical_type?.type,
      repetition_type,
      field_id
    ])).toEqual([
      ["rows", undefined, undefined, undefined, undefined],
      ["_key", "BYTE_ARRAY", "STRING", "OPTIONAL", 2_000_000_001],
      ["_position", "INT64", undefined, "REQUIRED", 2_000_000_002],
      ["_commit_time", "INT64", "TIMESTAMP", "REQUIRED", 2_000_000_003],
      ["_timestamp", "INT64", "TIMESTAMP", "OPTIONAL", 2_000_000_004],
      ["_deleted", "BOOLEAN", undefined, "REQUIRED", 2_000_000_005],
      ["_metadata", "BYTE_ARRAY", "JSON", "OPTIONAL", 2_000_000_006],
      ["column 0", "BOOLEAN", undefined, "OPTIONAL", 1],
      ["column 1", "INT32", undefined, "OPTIONAL", 2],
      ["column 2", "INT64", undefined, "OPTIONAL", 3],
      ["column 3", "FLOAT", undefined, "OPTIONAL", 4],
      ["column 4", "DOUBLE", undefined, "OPTIONAL", 5],
      ["column 5", "BYTE_ARRAY", "STRING", "OPTIONAL", 6],
      ["column 6", "BYTE_ARRAY", undefined, "OPTIONAL", 7],
      ["column 7", "INT64", "TIMESTAMP", "OPTIONAL", 8],
      ["column 8", "BYTE_ARRAY", "JSON", "OPTIONAL", 9],
      ["column 9", "BYTE_ARRAY", "JSON", "OPTIONAL", 10],
      ["column 10", "BYTE_ARRAY", "JSON", "OPTIONAL", 11]
    ])
    expect(metadata.schema[3].logical_type).toEqual({ type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" })
    expect(metadata.row_groups[0].sorting_columns).toEqual([
      { column_idx: 0, descending: false, nulls_first: false },
      { column_idx: 1, descending: true, nulls_first: false }
    ])
    const entries = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]))
    expect(entries.get("varve.format")).toBe("1")
    expect(entries.get("varve.table")).toBe("7")
    expect(entries.get("varve.schema_version")).toBe("3")
    expect(JSON.parse(entries.get("varve.schema")!)).toMatchObject({ columns: { 3: { name: "column 3", id: 4 } } })
    expect(JSON.parse(entries.get("varve.row_groups")!)).toHaveLength(1)
  })

  it("codes repeated text, also where it came as plain text, and leaves the rest plain", () => {
    const count = 10_000
    const text = (value: (row: number) => string) => {
      const vector = new TextVector(count)
      for (let row = 0; row < count; row++) vector.set(row, encodeUtf8(value(row)))
      return vector
    }
    const coded = (vector: TextVector) => {
      const result = new DictionaryVector(count)
      result.append(0, vector, 0, count)
      return result
    }
    const columns = [
      text((row) => `few ${row % 20}`),
      coded(text((row) => `few ${row % 20}`)),
      text((row) => `unique ${row}`),
      coded(text((row) => `unique ${row}`)),
      // More bytes of values than a dictionary page may have.
      coded(text((row) => `${row % 4000}`.padEnd(600, "x"))),
      text(() => "")
    ]
    const { chunks } = encodeSegment(
      { table: 1, schemaVersion: 1, schema: schemaOf(columns.map(() => "string")) },
      plainRows(numbered(count), columns),
      inOrder(count)
    )
    const [rowGroup] = parquetMetadata(join(chunks).buffer).row_groups
    const hasDictionary = rowGroup.columns.map((chunk) => chunk.meta_data!.dictionary_page_offset !== undefined)
    expect(hasDictionary.slice(6)).toEqual([true, true, false, false, false, true])
  })

  it("writes each column in the way that is smallest", async () => {
    const count = 20_000
    const dice = makeDice(5)
    const numbers = (kind: "int32" | "float32" | "float64", value: (row: number) => number) => {
      const vector = new NumberVector(kind, count)
      for (let row = 0; row < count; row++) vector.values[row] = value(row)
      return vector
    }
    const integers = (value: (row: number) => number) => {
      const vector = new Int64Vector(count)
      for (let row = 0; row < count; row++) vector.setNumber(row, value(row))
      return vector
    }
    const texts = (value: (row: number) => string) => {
      const vector = new TextVector(count)
      for (let row = 0; row < count; row++) vector.set(row, encodeUtf8(value(row)))
      return vector
    }
    const times = Array.from({ length: 300 }, () => 1_700_000_000_000_000 + below(dice, 2 ** 40))
    const wide = integers(() => times[below(dice, 300)])
    wide.setBigInt(77, 2n ** 60n)
    const cases = [
      [integers((row) => 1_000_000_000_000 + row), "int64", "DELTA_BINARY_PACKED"],
      [integers(() => below(dice, 2 ** 25)), "int64", "DELTA_BINARY_PACKED"],
      [integers(() => times[below(dice, 300)]), "timestamp", "RLE_DICTIONARY"],
      [integers((row) => (row % 2 === 0 ? 1 : -1) * (2 ** 53 - 1 - row)), "int64", "PLAIN"],
      [wide, "int64", "PLAIN"],
      [integers(() => 42), "int64", "PLAIN"],
      [numbers("int32", (row) => row * 3), "int32", "DELTA_BINARY_PACKED"],
      [numbers("int32", () => below(dice, 2 ** 32) | 0), "int32", "PLAIN"],
      [numbers("int32", () => [-(2 ** 31), 2 ** 31 - 1, 0, 77_777][below(dice, 4)]), "int32", "RLE_DICTIONARY"],
      [numbers("float64", () => below(dice, 1000) / 100), "float64", "RLE_DICTIONARY"],
      [numbers("float64", () => dice()), "float64", "PLAIN"],
      [numbers("float64", () => [0, -0, 0.1, -1e300, Infinity][below(dice, 5)]), "float64", "RLE_DICTIONARY"],
      [numbers("float64", () => [NaN, 1.5, 2.7, 77.7, 0.01][below(dice, 5)]), "float64", "PLAIN"],
      [numbers("float32", () => Math.fround(below(dice, 500) / 7)), "float32", "RLE_DICTIONARY"],
      [texts((row) => `https://example.org/a/long/path/${row}`), "string", "DELTA_BYTE_ARRAY"],
      [
        texts(() => Math.floor(dice() * 2 ** 52).toString(16).slice(0, 3 + below(dice, 9))),
        "string",
        "DELTA_BYTE_ARRAY"
      ],
      [texts((row) => `${row}`.padEnd(600, "x")), "string", "PLAIN"]
    ] as const
    const schema = schemaOf(cases.map(([, type]) => type))
    const rows = plainRows(numbered(count), cases.map(([vector]) => vector))
    const random = { owner: { table: 1, schemaVersion: 1, schema }, rows, order: inOrder(count) }
    const { file } = encode(random)
    const [rowGroup] = parquetMetadata(file.buffer).row_groups
    const used = rowGroup.columns.map(({ meta_data }) => {
      const encodings = meta_data!.encodings.filter((encoding) => encoding !== "RLE")
      return encodings.includes("RLE_DICTIONARY") ? "RLE_DICTIONARY" : encodings.join()
    })
    expect(used.slice(6)).toEqual(cases.map(([, , encoding]) => encoding))
    expect(used.slice(0, 2)).toEqual(["DELTA_BYTE_ARRAY", "DELTA_BINARY_PACKED"])
    // What does not become smaller is not compressed.
    expect(rowGroup.columns[7].meta_data!.codec).toBe("UNCOMPRESSED")
    expect(rowGroup.columns[6].meta_data!.codec).toBe("ZSTD")
    expect(differing(await readByOracle(file), expectedColumns(random))).toEqual([])
  })

  it("stores the key once where a column holds it too", async () => {
    const count = 9000
    const keys = numbered(count, "a key that is long enough to be cut in the bounds of any other column: ")
    const copy = (from: number, isNull = false) => {
      const vector = new TextVector(count)
      for (let row = 0; row < count; row++) {
        vector.set(row, encodeUtf8(row === from ? "another" : keys[row]))
        if (isNull && row === from) setNull(vector, row)
      }
      return vector
    }
    const build = (columns: ReadonlyArray<SegmentVector>) => {
      const owner = { table: 1, schemaVersion: 1, schema: schemaOf(columns.map(() => "string")) }
      return { owner, rows: plainRows(keys, columns), order: inOrder(count) }
    }
    const alone = encode(build([]))
    const random = build([copy(-1), copy(count - 1), copy(4000, true)])
    const { file, summary } = encode(random)
    const [rowGroup] = parquetMetadata(file.buffer).row_groups
    const offsets = rowGroup.columns.map(({ meta_data }) => meta_data!.data_page_offset)
    expect(offsets[6]).toBe(offsets[0])
    expect(new Set(offsets).size).toBe(offsets.length - 1)
    expect(summary.columns.slice(6).map(({ bytes }) => bytes > 0)).toEqual([false, true, true])
    expect(summary.columns[6].distinct! / count).toBeCloseTo(1, 1)
    expect(summary.columns[6].max!).toHaveLength(64)
    expect(summary.bytes).toBe(file.length)
    // The bytes of the row group are those that it has.
    const once = rowGroup.columns.filter((_, i) => i !== 6)
    expect(rowGroup.total_compressed_size).toBe(
      once.reduce((sum, { meta_data }) => sum + meta_data!.total_compressed_size, 0n)
    )
    expect(differing(await readByOracle(file), expectedColumns(random))).toEqual([])
    const shared = encode(build([copy(-1)]))
    expect(shared.file.length - alone.file.length).toBeLessThan(1500)
  })

  it("breaks pages earlier where values are long, in all columns at the same rows", async () => {
    const count = 40
    const long = new TextVector(count)
    for (let row = 0; row < count; row++) {
      long.set(row, new Uint8Array(row % 7 === 0 ? 6_000_000 : 3).fill(97 + row % 26))
    }
    const rows = plainRows(numbered(count), [long, doubles(Array.from({ length: count }, (_, row) => row))])
    const owner = { table: 1, schemaVersion: 1, schema: schemaOf(["string", "float64"]) }
    const random = { owner, rows, order: inOrder(count) }
    const { file } = encode(random)
    const [rowGroup] = parquetMetadata(file.buffer).row_groups
    const starts = rowGroup.columns.map((chunk) =>
      readOffsetIndex({ view: new DataView(file.buffer, Number(chunk.offset_index_offset)), offset: 0 })
        .page_locations.map((page) => Number(page.first_row_index))
    )
    expect(starts[0].length).toBeGreaterThan(2)
    for (const start of starts) expect(start).toEqual(starts[0])
    expect(pageTextBytesMax).toBeLessThan(18_000_000)
    expect(differing(await readByOracle(file), expectedColumns(random))).toEqual([])
  })

  it("lets hyparquet find keys by the bloom filter, and pages by their bounds", async () => {
    const count = 20_000
    const file = join(
      encodeSegment(
        { table: 1, schemaVersion: 1, schema: schemaOf(["float64"]) },
        plainRows(numbered(count), [doubles(Array.from({ length: count }, (_, row) => row))]),
        inOrder(count)
      ).chunks
    )
    for (let row = 0; row < count; row += 487) {
      let bytes = 0
      const found = await parquetReadObjects({
        file: {
          byteLength: file.length,
          slice: (start, end) => {
            bytes += (end ?? file.length) - start
            return file.buffer.slice(start, end)
          }
        },
        metadata: parquetMetadata(file.buffer),
        compressors,
        columns: ["_key", "column 0"],
        filter: { _key: { $eq: numbered(count)[row] } },
        useBloomFilters: true,
        usePageIndex: true,
        useOffsetIndex: true
      })
      expect(found).toEqual([{ "_key": numbered(count)[row], "column 0": row }])
      expect(bytes).toBeLessThan(file.length)
    }
  })

  it("takes nothing but sorted rows", () => {
    const owner = { table: 1, schemaVersion: 1, schema: schemaOf([]) }
    const rows = plainRows(["b", "a", "b"], [])
    expect(() => encodeSegment(owner, rows, Int32Array.of(0, 1))).toThrow(/sorted/)
    // Row 2 is the newer version of key b.
    expect(() => encodeSegment(owner, rows, Int32Array.of(1, 0, 2))).toThrow(/newest first/)
    const writer = new SegmentWriter(owner)
    writer.add(rows, Int32Array.of(2))
    expect(() => writer.add(rows, Int32Array.of(1))).toThrow(/follow one another/)
    expect(() => new SegmentWriter(owner).finish()).toThrow(/has rows/)
  })

  it("is the same in pieces of whole row groups as in one", () => {
    const { file, random } = large
    const writer = new SegmentWriter(random.owner)
    const chunks: Array<Uint8Array> = []
    writer.add(random.rows, random.order.subarray(0, 131_072))
    chunks.push(...writer.take())
    expect(writer.bytes).toBe(join(chunks).length)
    writer.add(random.rows, random.order.subarray(131_072))
    const summary = writer.finish()
    chunks.push(...writer.take())
    expect(Buffer.compare(join(chunks), file)).toBe(0)
    expect(summary).toEqual(large.summary)
  })
})

describe("the summary", () => {
  it.each([3, 11, 19, 22, 35])("tells what is in the segment (seed %i)", (seed) => {
    const random = randomRows(seed, 12_000)
    const { file, summary } = encode(random)
    const expected = expectedColumns(random)
    const { keys, positions } = random.rows
    expect(summary.bytes).toBe(file.length)
    expect(summary.rows).toBe(12_000)
    expect(summary.keys).toBe(new Set(expected[0]).size)
    expect(summary.deletions).toBe(expected[4].filter((deleted) => deleted === true).length)
    expect([summary.minPosition, summary.maxPosition]).toEqual([positions[0], positions[11_999]])
    expect(Buffer.compare(summary.minKey, keys.get(random.order[0]))).toBe(0)
    expect(Buffer.compare(summary.maxKey, keys.get(random.order[11_999]))).toBe(0)
    const faults = summary.columns.flatMap(({ distinct, max, min, name, nulls }, i) => {
      const values = expected[i].filter((value) => value !== null).map(asBound)
      const exact = new Set(expected[i].filter((value) => value !== null)).size
      const sorted = values.sort(compareBound)
      const isCut = min instanceof Uint8Array
      return [
        nulls === 12_000 - values.length ? "" : `${name}: ${nulls} nulls`,
        distinct === undefined || Math.abs(distinct - exact) <= Math.max(1, 0.08 * exact)
          ? ""
          : `${name}: ${distinct} distinct`,
        (min === undefined) === (distinct === undefined || values.length === 0)
          ? ""
          : `${name}: bounds are there or not`,
        min === undefined || compareBound(min, sorted[0]) === 0 || (isCut && compareBound(min, sorted[0]) < 0)
          ? ""
          : `${name}: min`,
        max === undefined || compareBound(max, sorted.at(-1)!) === 0 || (isCut && compareBound(max, sorted.at(-1)!) > 0)
          ? ""
          : `${name}: max`
      ].filter((fault) => fault !== "")
    })
    expect(faults).toEqual([])
  })

  it("has no bounds where NaNs would be outside of them", () => {
    const rows = plainRows(["a", "b", "c"], [doubles([1, NaN, 3]), doubles([NaN, NaN, NaN])])
    const { chunks, summary } = encodeSegment(
      { table: 1, schemaVersion: 1, schema: schemaOf(["float64", "float64"]) },
      rows,
      inOrder(3)
    )
    expect(summary.columns[7]).toMatchObject({ min: undefined, max: undefined, nulls: 0 })
    const [rowGroup] = parquetMetadata(join(chunks).buffer).row_groups
    expect(rowGroup.columns[7].column_index_offset).toBeUndefined()
    expect(rowGroup.columns[6].column_index_offset).toBeDefined()
  })

  it("joins bounds", () => {
    const none = { min: undefined, max: undefined, nulls: 2 }
    expect(joinBounds(none, { min: 1, max: 2, nulls: 1 })).toEqual({ min: 1, max: 2, nulls: 3 })
    expect(joinBounds({ min: 1, max: 2n ** 60n, nulls: 0 }, { min: -5, max: 7, nulls: 0 })).toEqual({
      min: -5,
      max: 2n ** 60n,
      nulls: 0
    })
  })
})

describe("the page indexes", () => {
  it.each([2, 7, 13])("agree with the pages (seed %i)", (seed) => {
    const random = randomRows(seed, 13_000)
    const { file } = encode(random)
    const metadata = parquetMetadata(file.buffer)
    const expected = expectedColumns(random)
    metadata.row_groups[0].columns.forEach((chunk, i) => {
      if (chunk.column_index_offset === undefined) return
      const view = new DataView(file.buffer, Number(chunk.column_index_offset))
      const index = readColumnIndex({ view, offset: 0 }, metadata.schema[i + 1], parsers)
      expect(index.null_pages).toHaveLength(4)
      index.null_pages.forEach((isNull, page) => {
        const values = expected[i].slice(4096 * page, 4096 * (page + 1))
        const present = values.filter((value) => value !== null)
        expect(Number(index.null_counts![page])).toBe(values.length - present.length)
        expect(isNull).toBe(present.length === 0)
        if (metadata.schema[i + 1].type !== "INT64" || isNull) return
        const sorted = present.map((value) => BigInt(value as bigint)).sort((a, b) => a < b ? -1 : a > b ? 1 : 0)
        expect([index.min_values[page], index.max_values[page]]).toEqual([sorted[0], sorted.at(-1)])
      })
    })
  })
})
