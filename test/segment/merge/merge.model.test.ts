/** Merges of random segments against a naive one. A failure names the seed; failing seeds become cases of their own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Column, ColumnType, Json } from "../../../src/schema/types.ts"
import { mergeSegments } from "../../../src/segment/merge/mergeSegments.ts"
import { makeMemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { below, type Dice, makeDice, pick, type PlainValue, randomText } from "../support.ts"
import {
  column,
  hexOf,
  type NaiveInput,
  naiveMerge,
  open,
  type SchemaVersion,
  sorted,
  store,
  type Version,
  versionsOf
} from "./support.ts"

interface Kind {
  readonly type: ColumnType
  readonly wider: ReadonlyArray<ColumnType>
  readonly fallback: readonly [Json, PlainValue]
  readonly draw: (dice: Dice) => PlainValue
}

const int32 = (dice: Dice): number => pick(dice, [0, -1, 7, below(dice, 2 ** 32) | 0])
const int64 = (dice: Dice): bigint =>
  pick(dice, [0n, 7n, BigInt(below(dice, 1000)), 2n ** 53n - 1n, dice() < 0.2 ? 2n ** 63n - 1n : -(2n ** 40n)])
const float = (dice: Dice): PlainValue => pick(dice, [0, "-0", 1.5, Math.fround(dice() * 1e6)])

const kinds: ReadonlyArray<Kind> = [
  { type: "bool", wider: [], fallback: [true, true], draw: (dice) => dice() < 0.5 },
  { type: "int32", wider: ["int64", "float64"], fallback: [-5, -5], draw: int32 },
  { type: "int64", wider: ["float64"], fallback: ["9007199254740993", 9007199254740993n], draw: int64 },
  { type: "int64", wider: [], fallback: [12, 12n], draw: int64 },
  { type: "float32", wider: ["float64"], fallback: [0.5, 0.5], draw: float },
  { type: "float64", wider: [], fallback: [0.1, 0.1], draw: float },
  {
    type: "timestamp",
    wider: [],
    fallback: ["2020-01-01T00:00:00Z", 1_577_836_800_000_000n],
    draw: (dice) => BigInt(below(dice, 2 ** 50))
  },
  { type: "string", wider: [], fallback: ["éa", hexOf("éa")], draw: (dice) => hexOf(randomText(dice, 40)) },
  { type: "string", wider: [], fallback: ["", ""], draw: (dice) => hexOf(`few ${below(dice, 3)}`) },
  { type: "bytes", wider: [], fallback: ["/wA=", "ff00"], draw: (dice) => hexOf(randomText(dice, 5)) },
  {
    type: { array: "string" },
    wider: ["json"],
    fallback: [["a"], hexOf("[\"a\"]")],
    draw: (dice) => hexOf(JSON.stringify([randomText(dice, 5)]))
  }
]

interface Drawn {
  readonly kind: Kind
  readonly column: Column
}

/** The default that a column would have, in both its forms. */
const defaultOf = ({ column: { type }, kind }: Drawn): readonly [Json, PlainValue] => {
  const [json, plain] = kind.fallback
  if (type === "float64" && typeof plain === "bigint") return [Number(plain), Number(plain)]
  if (type === "int64" && typeof plain === "number") return [json, BigInt(plain)]
  return [json, plain]
}

/** Versions of a schema, each of which can be read as the next: columns come, go, widen, and lose or win their nulls. */
const drawSchemas = (dice: Dice, count: number) => {
  let nextId = 1
  const draw = (): Drawn => {
    const kind = pick(dice, kinds)
    return { kind, column: column(nextId++, kind.type, { nullable: dice() < 0.7 }) }
  }
  const versions: Array<ReadonlyArray<Drawn>> = [Array.from({ length: 1 + below(dice, 5) }, draw)]
  while (versions.length < count) {
    const kept = versions.at(-1)!.filter(() => dice() < 0.9).map((drawn): Drawn => {
      const type = dice() < 0.5 ? drawn.column.type : pick(dice, [drawn.column.type, ...drawn.kind.wider])
      const wider = { ...drawn, column: { ...drawn.column, type, default: undefined } }
      if (dice() < 0.5) return { ...wider, column: { ...wider.column, nullable: true } }
      return { ...wider, column: { ...wider.column, nullable: false, default: defaultOf(wider)[0] } }
    })
    const added = Array.from({ length: below(dice, 3) + (kept.length === 0 ? 1 : 0) }, draw).map((drawn): Drawn =>
      drawn.column.nullable && dice() < 0.5
        ? drawn
        : { ...drawn, column: { ...drawn.column, default: defaultOf(drawn)[0] } }
    )
    versions.push([...added, ...kept])
  }
  return versions
}

const schemaOf = (version: number, drawn: ReadonlyArray<Drawn>): SchemaVersion => ({
  version,
  schema: { columns: drawn.map(({ column }) => column), key: undefined }
})

const drawKey = (dice: Dice, style: number, distinct: number): string =>
  style === 0
    ? String(below(dice, distinct))
    : style === 1
    ? randomText(dice, 2)
    : `a prefix that all of the keys have ${below(dice, distinct)}`

/** Versions by input: per key those of a later input are newer, while positions of different keys mix. */
const drawVersions = (dice: Dice, inputs: number, rows: number) => {
  const style = below(dice, 3)
  const distinct = 1 + below(dice, pick(dice, [3, rows, 4 * rows]))
  const keys = Array.from({ length: rows }, () => hexOf(drawKey(dice, style, distinct)))
  const apart = dice() < 0.2
  const drawn = keys.map((key, i) => ({
    key,
    position: 1 + 3 * i + below(dice, 3),
    // Inputs whose keys do not mix are as common as those that do.
    place: apart && key > keys[0] ? 1 : dice()
  }))
  const byInput: Array<Array<{ readonly key: string; readonly position: number }>> = Array.from(
    { length: inputs },
    () => []
  )
  for (const key of new Set(keys)) {
    const own = drawn.filter((version) => version.key === key)
    const places = own.map(({ place }) => Math.min(inputs - 1, Math.floor(place * inputs))).sort((a, b) => a - b)
    own.forEach(({ position }, i) => byInput[places[i]].push({ key, position }))
  }
  return byInput.filter((versions) => versions.length > 0)
}

const drawCase = (seed: number) => {
  const dice = makeDice(seed)
  const schemas = drawSchemas(dice, 1 + below(dice, 3))
  const rows = 1 + below(dice, pick(dice, [4, 15, 15, 60]))
  const places = drawVersions(dice, 1 + below(dice, 5), rows)
  const lastPosition = 3 * rows
  const horizon = pick(dice, [0, lastPosition, lastPosition + 5, below(dice, lastPosition)])
  const deletions = pick(dice, [0, 0.1, 0.6])
  const hasTimes = dice() < 0.5
  let schema = 0
  const inputs = places.map((versions) => {
    if (dice() < 0.5) schema = Math.min(schemas.length - 1, schema + 1)
    const columns = schemas[schema]
    const nulls = columns.map(({ column: { nullable } }) => nullable ? pick(dice, [0, 0.3, 1]) : 0)
    const marked = pick(dice, [0, 0.3])
    const filled = versions.map(({ key, position }): Version => {
      const deleted = dice() < deletions
      const values = columns.map(({ column, kind }, i) => {
        if (dice() < nulls[i]) return [column.id, null] as const
        const value = kind.draw(dice)
        // Written in a version that had widened the column already.
        const wide = column.type === "int64" && typeof value === "number"
          ? BigInt(value)
          : column.type === "float64" && typeof value === "bigint"
          ? Number(value)
          : value
        return [column.id, wide] as const
      })
      return {
        key,
        position,
        commitTime: 1_000_000 + 10 * position,
        timestamp: hasTimes && dice() < 0.7 ? BigInt(below(dice, 2_000_000)) : null,
        deleted,
        metadata: dice() < 0.2 ? hexOf("{\"from\":\"test\"}") : null,
        values: new Map(deleted ? [] : values.filter(([, value]) => value !== null))
      }
    })
    const newest = filled.filter(({ key, position }) =>
      !filled.some((other) => other.key === key && other.position > position)
    )
    const marks = new Map(
      newest.filter(() => dice() < marked).map(({ position }) => [position, position + 1 + below(dice, lastPosition)])
    )
    return { columns, schemaNumber: schema + 1, schema: schemaOf(0, columns).schema, versions: filled, marks }
  })
  const owned = schemas.at(-1)!
  const groups = pick(dice, [2, 8, 1000])
  const policy = {
    horizon,
    expiredBefore: dice() < 0.5 ? -Infinity : pick(dice, [0, 1_000_000, 1_000_000 + 5 * lastPosition, 3_000_000]),
    dropsDeletions: dice() < 0.5
  }
  // A mark of a version that another input holds says less than that version: what is outside comes after all of them.
  for (const { marks, versions } of inputs) {
    for (const { key, position } of versions) {
      const mark = marks.get(position)
      if (mark === undefined) continue
      const newer = inputs.flatMap((input) => input.versions)
        .filter((other) => other.key === key && other.position > position)
        .map((other) => other.position)
      marks.set(position, Math.max(mark, ...newer.map((other) => other + 1)))
    }
  }
  return {
    dice,
    inputs,
    policy,
    owner: schemaOf(schemas.length, owned),
    defaults: new Map(
      owned.filter(({ column }) => column.default !== undefined)
        .map((drawn) => [drawn.column.id, defaultOf(drawn)[1]])
    ),
    groupRows: () => 1 + below(dice, groups),
    target: {
      fileBytesMax: pick(dice, [1, 30_000, 1e9, 1e9, 1e9, 1e9]),
      rowsMax: pick(dice, [1, 6, 30, 1e9, 1e9, 1e9]),
      rowGroupRowsMax: pick(dice, [1, 2, 7, 32, 64, 131_072])
    }
  }
}

const runCase = Effect.fnUntraced(function*(seed: number) {
  const { defaults, dice, groupRows, inputs, owner, policy, target } = drawCase(seed)
  const storage = yield* makeMemoryStorage
  const coded = Array.from({ length: 20 }, () => dice() < 0.5)
  const opened = yield* Effect.forEach(
    inputs,
    ({ schema, schemaNumber, versions }, i) =>
      store(
        storage,
        `input ${i}`,
        { version: schemaNumber, schema },
        versions,
        groupRows,
        (at) => coded[(at + i + 1) % 20]
      )
  )
  const result = yield* mergeSegments(storage, {
    inputs: opened.map((segment, i) => {
      const { marks, versions } = inputs[i]
      const rows = sorted(versions).flatMap(({ position }, row) => marks.has(position) ? [row] : [])
      const positions = rows.map((row) => marks.get(sorted(versions)[row].position)!)
      return { segment, marks: { rows: Int32Array.from(rows), positions: Float64Array.from(positions) } }
    }),
    policy,
    target: { ...target, owner: { table: 7, schemaVersion: owner.version, schema: owner.schema } },
    nameOf: (number) => `output ${number}`
  })
  const outputs = yield* Effect.forEach(result.outputs, ({ name }) => Effect.flatMap(open(storage, name), versionsOf))
  const expected = naiveMerge(inputs satisfies ReadonlyArray<NaiveInput>, policy, owner.schema, defaults)
  assert.deepStrictEqual(outputs.flat(), [...expected])
  const rowOf = new Map(expected.map(({ position }, row) => [position, row]))
  inputs.forEach(({ versions }, i) => {
    assert.deepStrictEqual(
      Array.from(result.rowMaps[i]),
      sorted(versions).map(({ position }) => rowOf.get(position) ?? -1)
    )
  })
  outputs.forEach((versions, i) => {
    const { summary } = result.outputs[i]
    assert.strictEqual(summary.rows, versions.length)
    if (i > 0) assert.isTrue(outputs[i - 1].at(-1)!.key < versions[0].key, "outputs share no key")
    const keys = new Set(versions.map(({ key }) => key))
    if (versions.length > target.rowsMax) {
      const last = versions.filter(({ key }) => key === versions.at(-1)!.key).length
      assert.isAtMost(versions.length - last, target.rowsMax, "only versions of one key make an output longer")
      assert.isAbove(last, 1)
    }
    assert.strictEqual(summary.keys, keys.size)
  })
  assert.deepStrictEqual(
    (yield* storage.list("")).filter((name) => name.startsWith("output")).toSorted(),
    result.outputs.map(({ name }) => name).toSorted()
  )
})

const casesOfTest = 100

describe("merging", () => {
  it.effect.each(Array.from({ length: 20 }, (_, i) => i * casesOfTest))(
    "gives what a naive merge gives (100 seeds from %i)",
    (first) =>
      Effect.gen(function*() {
        for (let seed = first; seed < first + casesOfTest; seed++) {
          yield* Effect.scoped(runCase(seed)).pipe(
            Effect.tapCause(() => Effect.sync(() => console.error(`seed ${seed}`)))
          )
        }
      }),
    120_000
  )
})
