/** The invariants of merges, one by one; src/segment/merge/mergeSegments.ts numbers them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { BlockCache } from "../../../src/segment/BlockCache.ts"
import type { MergePolicy } from "../../../src/segment/merge/Merge.ts"
import { mergeSegments, type MergeTarget } from "../../../src/segment/merge/mergeSegments.ts"
import { openSegment } from "../../../src/segment/Segment.ts"
import type { BlockFile } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { column, hexOf, open, type SchemaVersion, simple, store, type Version, version, versionsOf } from "./support.ts"

const keepAll: MergePolicy = { horizon: 0, expiredBefore: -Infinity, dropsDeletions: false }

interface Case {
  /** Oldest first. */
  readonly inputs: ReadonlyArray<ReadonlyArray<Version>>
  readonly policy?: Partial<MergePolicy>
  /** Row -> superseding position, for each input. */
  readonly marks?: ReadonlyArray<ReadonlyArray<readonly [row: number, position: number]>>
  readonly schemas?: ReadonlyArray<SchemaVersion>
  readonly owner?: SchemaVersion
  readonly target?: Partial<MergeTarget>
}

/** Merges; gives the versions of each output, and where the rows of each input went. */
const merge = Effect.fnUntraced(
  function*({ inputs, marks, owner = simple, policy, schemas, target }: Case) {
    const storage = yield* makeMemoryStorage
    const opened = yield* Effect.forEach(
      inputs,
      (versions, i) => store(storage, `input ${i}`, schemas?.[i] ?? simple, versions)
    )
    const { outputs, rowMaps } = yield* mergeSegments(storage, {
      inputs: opened.map((segment, i) => ({
        segment,
        marks: {
          rows: Int32Array.from(marks?.[i] ?? [], ([row]) => row),
          positions: Float64Array.from(marks?.[i] ?? [], ([, position]) => position)
        }
      })),
      policy: { ...keepAll, ...policy },
      target: {
        owner: { table: 7, schemaVersion: owner.version, schema: owner.schema },
        fileBytesMax: 1e9,
        rowsMax: 1e9,
        ...target
      },
      nameOf: (number) => `output ${number}`
    })
    return {
      outputs: yield* Effect.forEach(outputs, ({ name }) => Effect.flatMap(open(storage, name), versionsOf)),
      rowMaps: rowMaps.map((rowMap) => Array.from(rowMap)),
      summaries: outputs.map(({ summary }) => summary),
      schemas: yield* Effect.forEach(
        outputs,
        ({ name }) => Effect.map(open(storage, name), ({ metadata }) => [metadata.table, metadata.schemaVersion])
      )
    }
  },
  Effect.scoped
)

const positionsOf = (versions: ReadonlyArray<Version>): ReadonlyArray<number> =>
  versions.map(({ position }) => position)

const deletion = (key: string, position: number): Version => version(key, position, { deleted: true })

describe("a merge", () => {
  it.effect("takes versions of a newer input for newer ones, and orders keys by their bytes", () =>
    Effect.gen(function*() {
      // As strings of JavaScript, the surrogates of U+1F600 would come before U+FFFD.
      const inputs = [
        [version("b", 4), version("\ufffd", 1), version("😀", 2), version("", 9)],
        [version("b", 7), version("ba", 3), version("\ufffd", 5), version("a", 6)]
      ]
      const { outputs, rowMaps, summaries } = yield* merge({ inputs })
      assert.deepStrictEqual(outputs.map(positionsOf), [[9, 6, 7, 4, 3, 5, 1, 2]])
      assert.deepStrictEqual(rowMaps, [[0, 3, 6, 7], [1, 2, 4, 5]])
      assert.deepStrictEqual([summaries[0].rows, summaries[0].keys], [8, 6])
    }))

  it.effect("keeps every version above the horizon, and the newest one at or below it", () =>
    Effect.gen(function*() {
      const inputs = [
        [version("a", 1), version("a", 2), version("b", 5), version("c", 3), version("c", 4)],
        [version("a", 10), version("a", 11), version("a", 12), version("b", 14)]
      ]
      const kept = Effect.fnUntraced(function*(horizon: number) {
        const { outputs } = yield* merge({ inputs, policy: { horizon } })
        return outputs.flatMap(positionsOf)
      })
      assert.deepStrictEqual(yield* kept(0), [12, 11, 10, 2, 1, 14, 5, 4, 3])
      assert.deepStrictEqual(yield* kept(1), [12, 11, 10, 2, 1, 14, 5, 4, 3])
      assert.deepStrictEqual(yield* kept(2), [12, 11, 10, 2, 14, 5, 4, 3])
      assert.deepStrictEqual(yield* kept(10), [12, 11, 10, 14, 5, 4])
      assert.deepStrictEqual(yield* kept(11), [12, 11, 14, 5, 4])
      assert.deepStrictEqual(yield* kept(14), [12, 14, 4])
    }))

  it.effect("drops what a version outside of it, at or below the horizon, supersedes", () =>
    Effect.gen(function*() {
      // Rows of the input: a at 5, a at 2, b at 6, c at 9.
      const inputs = [[version("a", 2), version("a", 5), version("b", 6), version("c", 9)]]
      const kept = Effect.fnUntraced(function*(horizon: number) {
        const { outputs } = yield* merge({ inputs, marks: [[[0, 7], [2, 8], [3, 20]]], policy: { horizon } })
        return outputs.flatMap(positionsOf)
      })
      assert.deepStrictEqual(yield* kept(4), [5, 2, 6, 9])
      assert.deepStrictEqual(yield* kept(6), [5, 6, 9])
      assert.deepStrictEqual(yield* kept(7), [6, 9], "and what that row superseded itself goes with it")
      assert.deepStrictEqual(yield* kept(8), [9])
      assert.deepStrictEqual(yield* kept(20), [])
    }))

  it.effect("drops deletions at or below the horizon only where it may", () =>
    Effect.gen(function*() {
      const inputs = [[version("a", 1), version("b", 2), version("c", 3)], [deletion("a", 4), deletion("b", 6)]]
      const kept = Effect.fnUntraced(function*(dropsDeletions: boolean) {
        const { outputs, rowMaps } = yield* merge({ inputs, policy: { horizon: 5, dropsDeletions } })
        return { positions: outputs.flatMap(positionsOf), rowMaps }
      })
      assert.deepStrictEqual(yield* kept(false), { positions: [4, 6, 2, 3], rowMaps: [[-1, 2, 3], [0, 1]] })
      assert.deepStrictEqual(yield* kept(true), { positions: [6, 2, 3], rowMaps: [[-1, 1, 2], [-1, 0]] })
    }))

  it.effect("of nothing but old deletions has no output", () =>
    Effect.gen(function*() {
      const inputs = [[version("a", 1)], [deletion("a", 2), deletion("b", 3)]]
      const { outputs, rowMaps } = yield* merge({ inputs, policy: { horizon: 3, dropsDeletions: true } })
      assert.deepStrictEqual(outputs, [])
      assert.deepStrictEqual(rowMaps, [[-1], [-1, -1]])
    }))

  it.effect("makes deletions of expired rows at or below the horizon, or drops them where it may", () =>
    Effect.gen(function*() {
      const metadata = hexOf("{\"by\":\"x\"}")
      const inputs = [[
        version("by its event time", 1, { commitTime: 900, timestamp: 99n, metadata }),
        version("by its commit time", 2, { commitTime: 99, metadata }),
        version("not by its commit time", 3, { commitTime: 99, timestamp: 100n, metadata }),
        version("newer than the horizon", 4, { commitTime: 99, metadata }),
        version("deleted", 0.5, { deleted: true, commitTime: 99, metadata, position: 0 })
      ]]
      const kept = { horizon: 3, expiredBefore: 100 }
      const [all] = (yield* merge({ inputs, policy: kept })).outputs
      assert.deepStrictEqual(positionsOf(all), [2, 1, 0, 4, 3])
      const gone = { deleted: true, metadata: null, values: new Map() }
      assert.deepStrictEqual(all[0], { ...inputs[0][1], ...gone })
      assert.deepStrictEqual(all[1], { ...inputs[0][0], ...gone })
      assert.deepStrictEqual([all[2], all[3], all[4]], [inputs[0][4], inputs[0][3], inputs[0][2]])
      const { outputs } = yield* merge({ inputs, policy: { ...kept, dropsDeletions: true } })
      assert.deepStrictEqual(outputs.flatMap(positionsOf), [4, 3])
    }))

  it.effect("writes rows as the owner's schema has them", () =>
    Effect.gen(function*() {
      const old: SchemaVersion = {
        version: 1,
        schema: {
          key: undefined,
          columns: [
            column(1, "int32"),
            column(2, "string"),
            column(3, "int64"),
            column(4, "float32", { nullable: false })
          ]
        }
      }
      const owner: SchemaVersion = {
        version: 3,
        schema: {
          key: undefined,
          columns: [
            column(6, "bytes", { default: "/w==" }),
            column(4, "float64", { nullable: false }),
            column(3, "float64"),
            column(5, "bool"),
            column(1, "int64", { nullable: false, default: "9007199254740993" })
          ]
        }
      }
      const values = (...given: ReadonlyArray<readonly [number, number | bigint | string | boolean]>) => new Map(given)
      const { outputs, schemas } = yield* merge({
        schemas: [old, owner],
        owner,
        inputs: [
          [
            version("a", 1, { values: values([1, 7], [2, hexOf("gone")], [3, 9007199254740993n], [4, 0.5]) }),
            version("b", 2, { values: values([4, 1.5]) }),
            version("c", 3, { deleted: true })
          ],
          [version("a", 4, { values: values([6, "00"], [4, 0.1], [5, true], [1, -3n]) })]
        ]
      })
      assert.deepStrictEqual(schemas, [[7, 3]])
      assert.deepStrictEqual(outputs[0].map(({ values }) => values), [
        values([6, "00"], [4, 0.1], [5, true], [1, -3n]),
        values([6, "ff"], [4, 0.5], [3, 9007199254740992], [1, 7n]),
        values([6, "ff"], [4, 1.5], [1, 9007199254740993n]),
        new Map()
      ])
    }))

  it.effect("has all versions of a key in one output, outputs in the order of keys", () =>
    Effect.gen(function*() {
      const versions = (keys: number, each: number, first: number) =>
        Array.from({ length: keys * each }, (_, i) => version(`key ${i % keys}`, first + i))
      const inputs = [versions(8, 5, 1), versions(9, 2, 100)]
      const { outputs, rowMaps } = yield* merge({ inputs, target: { rowsMax: 10, rowGroupRowsMax: 4 } })
      assert.deepStrictEqual(outputs.map(({ length }) => length), [14, 14, 14, 14, 2])
      assert.deepStrictEqual(
        outputs.flatMap((output) => [...new Set(output.map(({ key }) => key))]),
        Array.from({ length: 9 }, (_, i) => hexOf(`key ${i}`))
      )
      assert.deepStrictEqual(rowMaps.flat().toSorted((a, b) => a - b), Array.from({ length: 58 }, (_, i) => i))
    }))

  it.effect("ends a file at about its size", () =>
    Effect.gen(function*() {
      const inputs = [Array.from({ length: 8000 }, (_, i) => version(`key ${String(i).padStart(6, "0")}`, i + 1))]
      const one = yield* merge({ inputs, target: { rowGroupRowsMax: 400 } })
      const fileBytesMax = one.summaries[0].bytes / 4
      const some = yield* merge({ inputs, target: { rowGroupRowsMax: 400, fileBytesMax } })
      // A file is ended by what its row groups take; its footer comes on top.
      assert.isAtLeast(some.outputs.length, 3)
      assert.isAtMost(some.outputs.length, 6)
      for (const { bytes } of some.summaries) assert.isBelow(bytes, 1.6 * fileBytesMax)
      assert.deepStrictEqual(some.outputs.flat(), one.outputs[0])
    }))

  it.effect("ends row groups with keys, and leaves no small one behind where all rows fit", () =>
    Effect.scoped(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const versions = Array.from({ length: 400 }, (_, i) => version(`key ${i >> 1}`, i + 1))
      const groupsOf = Effect.fnUntraced(function*(rowGroupRowsMax: number) {
        const segment = yield* store(storage, "input", simple, versions)
        const { outputs } = yield* mergeSegments(storage, {
          inputs: [segment].map((segment) => ({ segment })),
          policy: keepAll,
          target: {
            owner: { table: 7, schemaVersion: 1, schema: simple.schema },
            fileBytesMax: 1e9,
            rowsMax: 1e9,
            rowGroupRowsMax
          },
          nameOf: (number) => `output ${number}`
        })
        const output = yield* open(storage, outputs[0].name)
        return output.metadata.rowGroups.map(({ rows }) => rows)
      })
      assert.deepStrictEqual(yield* groupsOf(400), [400])
      assert.deepStrictEqual(yield* groupsOf(128), [124, 124, 124, 28])
      assert.deepStrictEqual(yield* groupsOf(131), [128, 128, 128, 16])
    })))
})

describe("a merge reads", () => {
  it.effect("no row group before its first key is due", () =>
    Effect.scoped(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      // Four inputs whose keys do not mix, of four row groups each.
      const opened = yield* Effect.forEach([0, 1, 2, 3], (input) =>
        store(
          storage,
          `input ${input}`,
          simple,
          Array.from({ length: 40 }, (_, i) => version(`${input} ${i + 10}`, i + 1)),
          () => 10
        ))
      const events: Array<string> = []
      const watched = yield* Effect.forEach(opened, ({ file }, input) => {
        const read: BlockFile["read"] = (offset, length) => {
          const event = `read ${input}`
          if (events.at(-1) !== event) events.push(event)
          return file.read(offset, length)
        }
        return openSegment({ ...file, path: file.path, size: file.size, read }, new BlockCache(0))
      })
      events.length = 0
      yield* mergeSegments(storage, {
        inputs: watched.map((segment) => ({ segment })),
        policy: keepAll,
        target: {
          owner: { table: 7, schemaVersion: 1, schema: simple.schema },
          fileBytesMax: 1,
          rowsMax: 1e9,
          rowGroupRowsMax: 10
        },
        nameOf: (number) => {
          events.push(`write ${number}`)
          return `output ${number}`
        }
      })
      const pieces = Array.from({ length: 16 }, (_, i) => [`write ${i}`, `read ${i >> 2}`])
      assert.deepStrictEqual(events, [...pieces.flat(), "write 16"])
    })))
})

describe("a merge that fails, or is interrupted,", () => {
  const run = Effect.fnUntraced(function*() {
    const storage = yield* makeMemoryStorage
    const versions = Array.from({ length: 30 }, (_, i) => version(`key ${i}`, i + 1))
    const segment = yield* store(storage, "input", simple, versions, () => 10)
    const start = mergeSegments(storage, {
      inputs: [{ segment }],
      policy: keepAll,
      target: {
        owner: { table: 7, schemaVersion: 1, schema: simple.schema },
        fileBytesMax: 1,
        rowsMax: 10,
        rowGroupRowsMax: 10
      },
      nameOf: (number) => `output ${number}`
    })
    return { storage, start }
  })

  it.effect("leaves no file, whichever write it is", () =>
    Effect.scoped(Effect.gen(function*() {
      const { start, storage } = yield* run()
      let operations = 0
      storage.refuse = () => {
        operations++
        return undefined
      }
      yield* start
      const all = operations
      assert.isAbove(all, 12)
      for (let failing = 1; failing <= all; failing++) {
        for (const name of yield* storage.list("output")) yield* storage.remove(name)
        let count = 0
        storage.refuse = ({ kind }) => ++count === failing && kind !== "remove" ? "StorageFull" : undefined
        const exit = yield* Effect.exit(start)
        storage.refuse = () => undefined
        if (Exit.isFailure(exit)) assert.deepStrictEqual(yield* storage.list("output"), [], `operation ${failing}`)
      }
    })))

  it.effect("leaves no file at any moment", () =>
    Effect.scoped(Effect.gen(function*() {
      const { start, storage } = yield* run()
      for (let turns = 0; turns < 100; turns += 3) {
        const fiber = yield* Effect.forkChild(start, { startImmediately: true })
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        if (Exit.isSuccess(exit)) break
        assert.deepStrictEqual(yield* storage.list("output"), [], `after ${turns} turns`)
      }
    })))
})
