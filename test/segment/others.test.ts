/** What hyparquet-writer writes, our page readers read: the encodings that they claim to, and nothing else silently. */
import type { SchemaElement } from "hyparquet"
import { parquetWriteBuffer } from "hyparquet-writer"
import * as zlib from "node:zlib"
import { describe, expect, it } from "vitest"
import { type PageSource, readDictionary, readPages } from "../../src/segment/read/decodePages.ts"
import { type FileLayout, readLayout } from "../../src/segment/read/layout.ts"
import { readMetadata } from "../../src/segment/read/metadata.ts"
import { SegmentFault } from "../../src/segment/SegmentError.ts"
import { below, makeDice, pick, type PlainValue, randomText, valuesOf } from "./support.ts"

const compressors = { ZSTD: (bytes: Uint8Array) => new Uint8Array(zlib.zstdCompressSync(bytes)) }

type Written = Parameters<typeof parquetWriteBuffer>[0]["columnData"][number]

const write = (columnData: ReadonlyArray<Written>, options: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}) =>
  new Uint8Array(
    parquetWriteBuffer({ columnData: [...columnData], codec: "ZSTD", compressors, rowGroupSize: 3000, ...options })
  )

const layoutOf = (file: Uint8Array<ArrayBuffer>): FileLayout => readLayout(file, file.length)

/** All values of a column, read by its chunks. */
const readColumn = (file: Uint8Array<ArrayBuffer>, layout: FileLayout, i: number): Array<PlainValue> =>
  layout.rowGroups.flatMap(({ chunks, rows }) => {
    const { offset, length } = chunks[i].range
    const source: PageSource = {
      column: layout.columns[i],
      chunk: chunks[i],
      bytes: file.slice(offset, offset + length),
      offset,
      strict: false
    }
    if (!chunks[i].hasDictionary) return valuesOf(readPages(source, rows, undefined), rows)
    const { dictionary, end } = readDictionary(source)
    return valuesOf(
      readPages({ ...source, bytes: source.bytes.subarray(end), offset: offset + end }, rows, dictionary),
      rows
    )
  })

const plainOf = (value: unknown): PlainValue => {
  if (value === null || value === undefined) return null
  if (typeof value === "string") return Buffer.from(value).toString("hex")
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex")
  return Object.is(value, -0) ? "-0" : value as PlainValue
}

const draw = <A>(seed: number, count: number, nulls: number, value: (dice: () => number, row: number) => A) => {
  const dice = makeDice(seed)
  return Array.from({ length: count }, (_, row) => dice() < nulls ? null : value(dice, row))
}

describe("files of another writer", () => {
  it.each(
    Array.from(
      { length: 12 },
      (_, seed) =>
        [seed, [1, 10, 2999, 7001][seed % 4], [0, 0.3, 1][seed % 3], seed % 2 === 0 ? "ZSTD" : "UNCOMPRESSED"] as const
    )
  )("are read (seed %i, %i rows, %d null, %s)", (seed, count, nulls, codec) => {
    const column = <A>(name: string, type: Written["type"], value: (dice: () => number, row: number) => A, more = {}) =>
      ({ name, data: draw(seed + name.length, count, nulls, value), type, encoding: "PLAIN", ...more }) as Written
    const columns = [
      column("int32", "INT32", (dice) => below(dice, 2 ** 32) | 0),
      column("int64", "INT64", (dice) => pick(dice, [0n, -1n, 2n ** 53n - 1n, -(2n ** 40n)])),
      column(
        "wide",
        "INT64",
        (dice, row) => dice() < 0.9 ? BigInt(row) : pick(dice, [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n])
      ),
      column("float", "FLOAT", (dice) => Math.fround(dice() * 1e10)),
      column("double", "DOUBLE", (dice) => pick(dice, [0, -0, dice() * 1e100])),
      column("plain bool", "BOOLEAN", (dice) => dice() < 0.5),
      column("runs of bool", "BOOLEAN", (dice) => dice() < 0.5, { encoding: undefined }),
      column("text", "STRING", (dice) => randomText(dice, 30)),
      column("bytes", "BYTE_ARRAY", (dice) => Uint8Array.from({ length: below(dice, 60) }, () => below(dice, 256))),
      column("few texts", "STRING", (dice) => `value ${below(dice, 9)}`, { encoding: "RLE_DICTIONARY" }),
      column("one text", "STRING", () => "the only one", { encoding: "RLE_DICTIONARY" })
    ]
    const file = write(columns, { codec, pageSize: 10_000 })
    const layout = layoutOf(file)
    expect(layout.rowGroups).toHaveLength(Math.ceil(count / 3000))
    expect(layout.rows).toBe(count)
    const read = columns.map(({ name }, i) => [name, readColumn(file, layout, i)])
    expect(read).toEqual(columns.map(({ data, name }) => [name, Array.from(data, plainOf)]))
  })

  it("are read also where columns cannot be null", () => {
    const file = write([
      { name: "a", data: ["x", "", "y"], type: "STRING", nullable: false, encoding: "PLAIN" },
      { name: "b", data: [1.5, 2.5, NaN], type: "DOUBLE", nullable: false, encoding: "PLAIN" }
    ])
    const layout = layoutOf(file)
    expect(layout.columns.map(({ optional }) => optional)).toEqual([false, false])
    expect(readColumn(file, layout, 0)).toEqual(["78", "", "79"])
    expect(readColumn(file, layout, 1)).toEqual([1.5, 2.5, NaN])
  })

  const ints = { data: [1, 2, 3, 1], type: "INT32" as const }
  const bigints = { data: [1n, 2n, 3n, 1n], type: "INT64" as const }
  const strings = { data: ["aa", "ab", "b", "aa"], type: "STRING" as const }

  it.each<[string, Written, Partial<Parameters<typeof parquetWriteBuffer>[0]>, RegExp]>([
    ["delta encoding", { name: "c", ...bigints, encoding: "DELTA_BINARY_PACKED" }, {}, /encoding 5/],
    ["delta lengths", { name: "c", ...strings, encoding: "DELTA_LENGTH_BYTE_ARRAY" }, {}, /encoding 6/],
    ["delta text", { name: "c", ...strings, encoding: "DELTA_BYTE_ARRAY" }, {}, /encoding 7/],
    ["split streams", { name: "c", data: [1.5], type: "DOUBLE", encoding: "BYTE_STREAM_SPLIT" }, {}, /encoding 9/],
    ["dictionaries of numbers", { name: "c", ...ints, encoding: "RLE_DICTIONARY" }, {}, /dictionary of numbers/],
    ["Snappy", { name: "c", ...ints }, { codec: "SNAPPY" }, /SNAPPY/],
    ["fixed lengths", { name: "c", data: ["00000000-0000-0000-0000-000000000000"], type: "UUID" }, {}, /FIXED_LEN/]
  ])("are refused for %s", (_, column, options, message) => {
    const file = write([column], options)
    let thrown: unknown
    try {
      readColumn(file, layoutOf(file), 0)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(SegmentFault)
    expect((thrown as SegmentFault).reason).toBe("Unsupported")
    expect((thrown as SegmentFault).message).toMatch(message)
  })

  it("are refused for nested columns", () => {
    const schema: Array<SchemaElement> = [
      { name: "root", num_children: 1 },
      { name: "list", num_children: 1, repetition_type: "OPTIONAL", converted_type: "LIST" },
      { name: "list", num_children: 1, repetition_type: "REPEATED" },
      { name: "element", type: "INT32", repetition_type: "OPTIONAL" }
    ]
    const file = write([{ name: "list", data: [[1, 2], [3]] }], { schema })
    expect(() => layoutOf(file)).toThrow(/nested/)
  })

  it("are no segments", () => {
    const file = write([{ name: "c", ...ints }])
    const length = new DataView(file.buffer).getUint32(file.length - 8, true) + 16
    expect(() => readMetadata(file.slice(file.length - length), file.length)).toThrow(/mark of a segment/)
  })
})
