/** DuckDB is the reader that most people would open a segment with: what we write, it reads, prunes and sums the same. */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { encodeUtf8 } from "../../src/base/bytes.ts"
import { Int64Vector, TextVector } from "../../src/event/vector.ts"
import { sortRows } from "../../src/segment/sortRows.ts"
import { encodeSegment } from "../../src/segment/write/SegmentWriter.ts"
import { expectedColumns, join, type PlainValue, type RandomRows, randomRows, schemaOf } from "./support.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "varve-duckdb-"))
let connection: DuckDBConnection

beforeAll(async () => {
  // Nothing is fetched: what reads Parquet and JSON is built in.
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    threads: "2"
  })
  connection = await instance.connect()
})

afterAll(() => {
  connection.closeSync()
  fs.rmSync(folder, { recursive: true, force: true })
})

/** Writes rows as a segment and gives its place as SQL has it. */
const store = (name: string, { order, owner, rows }: RandomRows): string => {
  const file = path.join(folder, `${name}.parquet`)
  fs.writeFileSync(file, join(encodeSegment(owner, rows, order).chunks))
  return `'${file}'`
}

/** The answer to a query, row by row. */
const ask = async (query: string): Promise<Array<Array<unknown>>> => (await connection.runAndReadAll(query)).getRows()

const hex = (value: Uint8Array | string): string => Buffer.from(value as string).toString("hex")

/** A value as DuckDB gives it, as `valueAt` has it; times come as microseconds. */
const plain = (value: unknown): PlainValue => {
  if (value === null) return null
  if (typeof value === "string") return hex(value)
  if (typeof value === "object" && "micros" in value) return value.micros as bigint
  if (typeof value === "object" && "bytes" in value) return hex(value.bytes as Uint8Array)
  return Object.is(value, -0) ? "-0" : value as PlainValue
}

/** The rows in which two columns differ, as text, three at most. */
const differences = (name: string, left: ReadonlyArray<PlainValue>, right: ReadonlyArray<PlainValue>) =>
  left.length !== right.length ? [`${name}: ${left.length} and ${right.length} rows`] : left
    .flatMap((value, row) => Object.is(value, right[row]) ? [] : [`${name}, row ${row}: ${value} and ${right[row]}`])
    .slice(0, 3)

const quoted = (name: string): string => `"${name}"`

const namesOf = ({ owner }: RandomRows): ReadonlyArray<string> => [
  "_key",
  "_position",
  "_commit_time",
  "_timestamp",
  "_deleted",
  "_metadata",
  ...owner.schema.columns.map(({ name }) => name)
]

/** The columns by how DuckDB can sum and order them. */
const integers = ["_position", "column 1", "column 2"]
const times = ["_commit_time", "_timestamp", "column 7"]
const floats = ["column 3", "column 4"]
const texts = ["_key", "column 5", "column 6"]

/** A value as a literal of the column's type. */
const literal = (name: string, value: PlainValue): string =>
  typeof value === "string" && texts.includes(name)
    ? name === "column 6" ? `from_hex('${value}')` : `decode(from_hex('${value}'))`
    : times.includes(name)
    ? `make_timestamptz(${value})`
    : floats.includes(name)
    ? `'${value === "-0" ? 0 : value}'::${name === "column 3" ? "FLOAT" : "DOUBLE"}`
    : String(value)

/** Numbers order as numbers, text as its bytes: hexadecimal digits do, if all are in lower case. */
const extremes = (values: ReadonlyArray<PlainValue>): [PlainValue, PlainValue] => {
  const zeroless = values.map((value) => value === "-0" ? 0 : value)
  if (zeroless.length === 0) return [null, null]
  return [
    zeroless.reduce((a, b) => b! < a! ? b : a),
    zeroless.reduce((a, b) => b! > a! ? b : a)
  ]
}

const sizes = [1, 300, 4096, 4097, 9000, 8193]
const cases = Array.from({ length: 12 }, (_, seed) => [seed, sizes[seed % sizes.length]] as const)

/**
 * More rows than a row group has. DuckDB cannot print bounds of times outside of its calendar, which our random ones
 * reach: here they stay within.
 */
const large = (() => {
  const random = randomRows(126, 132_000)
  const { columns } = random.rows
  const within = new Int64Vector(132_000)
  for (let row = 0; row < 132_000; row++) within.setNumber(row, 1_700_000_000_000_000 + (row % 5000) * 3_600_000_000)
  const inRange = { ...random, rows: { ...random.rows, columns: columns.with(7, within) } }
  return { random: inRange, expected: expectedColumns(inRange) }
})()

describe("DuckDB", () => {
  it.each([...cases, [126, 132_000] as const])("reads every value (seed %i, %i rows)", async (seed, count) => {
    const random = seed === 126 ? large.random : randomRows(seed, count)
    const expected = seed === 126 ? large.expected : expectedColumns(random)
    const file = store(`values ${seed}`, random)
    const names = namesOf(random)
    const faults: Array<string> = []
    for (const [i, name] of names.entries()) {
      const reader = await connection.runAndReadAll(`SELECT ${quoted(name)} FROM ${file}`)
      const values = reader.getColumns()[0] ?? []
      faults.push(...differences(name, values.map(plain), expected[i]))
    }
    expect(faults).toEqual([])
  })

  it.each(cases)("agrees on counts, sums, bounds and groups (seed %i, %i rows)", async (seed, count) => {
    const random = randomRows(seed, count)
    const file = store(`sums ${seed}`, random)
    const names = namesOf(random)
    const expected = new Map(expectedColumns(random).map((values, i) => [names[i], values]))
    const present = (name: string) => expected.get(name)!.filter((value) => value !== null)
    expect(await ask(`SELECT count(*) FROM ${file}`)).toEqual([[BigInt(count)]])
    for (const name of names) {
      const column = quoted(name)
      expect([name, ...(await ask(`SELECT count(${column}) FROM ${file}`))[0]]).toEqual([
        name,
        BigInt(present(name).length)
      ])
      // By value: how many rows have it, nulls included.
      const groups = new Map<PlainValue, bigint>()
      for (const value of expected.get(name)!) {
        const group = value === "-0" ? 0 : value
        groups.set(group, (groups.get(group) ?? 0n) + 1n)
      }
      const grouped = (await ask(`SELECT ${column}, count(*) FROM ${file} GROUP BY ALL`))
        .map(([value, rows]) => [plain(value) === "-0" ? 0 : plain(value), rows] as const)
      expect([name, grouped.length]).toEqual([name, groups.size])
      expect(grouped.filter(([value, rows]) => groups.get(value) !== rows).slice(0, 3)).toEqual([])
    }
    for (const name of integers) {
      const [[sum]] = await ask(`SELECT sum(${quoted(name)}) FROM ${file}`)
      const values = present(name).map((value) => BigInt(value as bigint))
      expect([name, sum]).toEqual([name, values.length === 0 ? null : values.reduce((a, b) => a + b, 0n)])
    }
    for (const name of [...integers, ...times, ...floats, ...texts]) {
      const [found] = await ask(`SELECT min(${quoted(name)}), max(${quoted(name)}) FROM ${file}`)
      expect([name, ...found.map((value) => plain(value) === "-0" ? 0 : plain(value))]).toEqual([
        name,
        ...extremes(present(name))
      ])
    }
  })

  it.each(cases)("finds what it searches (seed %i, %i rows)", async (seed, count) => {
    const random = randomRows(seed, count)
    const file = store(`search ${seed}`, random)
    const names = namesOf(random)
    const columns = expectedColumns(random)
    for (const name of [...integers, ...times, ...floats, ...texts]) {
      const values = columns[names.indexOf(name)].map((value) => value === "-0" ? 0 : value)
      for (let i = 0; i < 3; i++) {
        const value = values[(seed * 7919 + i * 104_729) % count]
        if (value === null) continue
        const [equal, above] = (await ask(
          `SELECT (SELECT count(*) FROM ${file} WHERE ${quoted(name)} = ${literal(name, value)}),
            (SELECT count(*) FROM ${file} WHERE ${quoted(name)} > ${literal(name, value)})`
        ))[0]
        expect([name, equal, above]).toEqual([
          name,
          BigInt(values.filter((other) => other === value).length),
          BigInt(values.filter((other) => other !== null && other > value).length)
        ])
      }
    }
  })

  it("orders keys beyond the basic plane as we do, and skips what their bloom filter lacks", async () => {
    const random = randomRows(1, 9000)
    const keys = new TextVector(9000)
    const marks = ["\ud7ff", "\ue000", "\uffff", "\u{10000}", "😀", "\u{10ffff}", "e\u0301", "\u00e9", "z"]
    for (let row = 0; row < 9000; row++) keys.set(row, encodeUtf8(`${marks[row % marks.length]}${row % 4000}`))
    const rows = { ...random.rows, keys }
    const file = store("keys", { ...random, rows, order: sortRows(keys, rows.positions, 9000) })
    const unordered = await ask(
      `SELECT count(*) FROM (SELECT _key, _position, lag(_key) OVER (ORDER BY file_row_number) AS k,
        lag(_position) OVER (ORDER BY file_row_number) AS p FROM read_parquet(${file}, file_row_number = true))
      WHERE k > _key OR (k = _key AND p <= _position)`
    )
    expect(unordered).toEqual([[0n]])
    for (let row = 0; row < 9000; row += 471) {
      const key = new TextDecoder().decode(keys.get(row))
      const probe = (of: string) =>
        ask(`SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe(${file}, '_key', '${of}')`)
      expect(await probe(key)).toEqual([[false]])
      const rowsOfKey = Array.from({ length: 9000 }, (_, i) => i)
        .filter((i) => Buffer.compare(keys.get(i), keys.get(row)) === 0)
      expect(await ask(`SELECT _position FROM ${file} WHERE _key = '${key}'`)).toEqual(
        rowsOfKey.map((i) => [BigInt(rows.positions[i])]).reverse()
      )
    }
    const [[excluded]] = await ask(
      `SELECT count(*) FROM range(300) AS r(i), LATERAL (SELECT 1) WHERE NOT EXISTS (
        SELECT 1 FROM ${file} WHERE _key = 'absent ' || i)`
    )
    expect(excluded).toBe(300n)
    expect(await ask(`SELECT bloom_filter_excludes FROM parquet_bloom_probe(${file}, '_key', 'absent')`)).toEqual([
      [true]
    ])
  })

  it("reads a column that has the pages of the keys", async () => {
    const count = 140_000
    const random = randomRows(1, 1)
    const keys = new TextVector(count)
    const sum = new Int64Vector(count)
    for (let row = 0; row < count; row++) {
      keys.set(row, encodeUtf8(`order 😀 ${(row * 7919 % count).toString(16).padStart(9, "0")}`))
      sum.setNumber(row, row % 1000)
    }
    const positions = Float64Array.from({ length: count }, (_, row) => row + 1)
    const nothing = { hasNulls: true, nulls: new Uint8Array(count).fill(1) }
    const rows = {
      keys,
      positions,
      commitTimes: positions,
      timestamps: Object.assign(new Int64Vector(count), nothing),
      deleted: undefined,
      metadata: Object.assign(new TextVector(count), nothing),
      columns: [keys.copy(count), sum]
    }
    const schema = schemaOf(["string", "int64"])
    const file = store("shared", {
      owner: { ...random.owner, schema },
      rows,
      order: sortRows(keys, positions, count)
    })
    expect(await ask(`SELECT count(*), count(DISTINCT "column 0"), sum("column 1") FROM ${file}`)).toEqual([
      [140_000n, 140_000n, 140n * 499_500n]
    ])
    expect(await ask(`SELECT count(*) FROM ${file} WHERE "column 0" IS DISTINCT FROM _key`)).toEqual([[0n]])
    const [key] = (await ask(`SELECT "column 0" FROM ${file} WHERE _position = 77777`))[0]
    expect(key).toBe(new TextDecoder().decode(keys.get(77_776)))
    expect(await ask(`SELECT _position FROM ${file} WHERE "column 0" = '${String(key)}'`)).toEqual([[77_777n]])
    const places = await ask(
      `SELECT count(DISTINCT data_page_offset) FROM parquet_metadata(${file})
      WHERE path_in_schema IN ('_key', 'column 0') GROUP BY row_group_id`
    )
    expect(places).toEqual([[1n], [1n]])
  })

  it("is told types, field ids, statistics, bloom filters and entries", async () => {
    const { expected, random } = large
    const file = store("metadata", random)
    const names = namesOf(random)
    expect(await ask(`SELECT name, field_id FROM parquet_schema(${file}) WHERE name <> 'rows'`)).toEqual(
      names.map((name, i) => [name, i < 6 ? BigInt(2_000_000_001 + i) : BigInt(i - 5)])
    )
    expect((await ask(`SELECT column_type FROM (DESCRIBE SELECT * FROM ${file})`)).flat()).toEqual([
      ...["VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "JSON"],
      ...["BOOLEAN", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "TIMESTAMP WITH TIME ZONE"],
      ...["JSON", "JSON", "JSON"]
    ])
    const chunks = await ask(
      `SELECT row_group_id, path_in_schema, num_values, stats_null_count, compression,
        bloom_filter_offset IS NOT NULL, stats_min_value, stats_max_value
      FROM parquet_metadata(${file}) ORDER BY row_group_id, column_id`
    )
    expect(chunks).toHaveLength(2 * names.length)
    for (const [i, [group, name, values, nulls, codec, hasBloom, min, max]] of chunks.entries()) {
      const [from, to] = group === 0n ? [0, 131_072] : [131_072, 132_000]
      const rows = expected[i % names.length].slice(from, to)
      expect([name, values, nulls, codec, hasBloom]).toEqual([
        names[i % names.length],
        BigInt(to - from),
        BigInt(rows.filter((value) => value === null).length),
        codec === "UNCOMPRESSED" ? "UNCOMPRESSED" : "ZSTD",
        name === "_key"
      ])
      if (!integers.includes(name as string)) continue
      expect([name, min, max]).toEqual([
        name,
        ...extremes(rows.filter((value) => value !== null)).map((bound) => bound === null ? null : String(bound))
      ])
    }
    const entries = new Map(
      (await ask(`SELECT decode(key), decode(value) FROM parquet_kv_metadata(${file})`)) as Array<[string, string]>
    )
    expect(entries.get("varve.format")).toBe("1")
    expect(JSON.parse(entries.get("varve.row_groups")!)).toHaveLength(2)
  })
})
