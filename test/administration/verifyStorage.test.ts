/** Damage of any file is found, with the file and the place; and where there is none, none is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { VerifyProgress } from "../../src/administration/VerifyProgress.ts"
import { verifyStorage } from "../../src/administration/verifyStorage.ts"
import { unrestricted } from "../../src/base/caller.ts"
import { BlockStorage } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { Dice, seededEffect } from "../support/dice.ts"
import { openEngine, openProcessor, registerTable, writeOf } from "../support/openEngine.ts"
import { changeFile, fileContent, putFile } from "../support/storageFiles.ts"

const verify = (storage: MemoryStorage, progress = new VerifyProgress()) =>
  Effect.provideService(verifyStorage(progress), BlockStorage, storage)

/** A storage with log files, checkpoints, and segments of two levels; nobody has it open. */
const fill = Effect.fnUntraced(function*(dice: Dice) {
  const storage = yield* makeMemoryStorage
  yield* Effect.scoped(Effect.gen(function*() {
    const opened = yield* openEngine(storage, {
      memtableBytesMax: 1 << 30,
      wal: { segmentBytes: 8192, archive: dice.chance(0.5) }
    })
    const processor = yield* openProcessor(opened, storage)
    const tables = [yield* registerTable(opened, "x"), yield* registerTable(opened, "y", "u")]
    for (let step = 0; step < 12; step++) {
      const rows = dice.times(20, () => [`k${dice.below(40)}`, dice.chance(0.1) ? null : dice.text(20)] as const)
      yield* opened.pipeline.commit(writeOf(dice.pick(tables), rows))
      if (step % 3 === 2) yield* processor.flush(undefined)
      if (step === 5) {
        yield* processor.compact({ tables: undefined, full: true })
        yield* opened.administration.createIndex({ tenant: "t", table: "x", name: "by_v", column: "v" }, unrestricted)
        yield* processor.checkpoint
      }
      if (step === 8) {
        yield* opened.administration.configureTable(
          { tenant: "t", table: "x", history: { keep: "latest" } },
          unrestricted
        )
        yield* processor.checkpoint
      }
    }
    yield* processor.buildIndexes(undefined)
  }))
  return storage
})

describe("a storage", () => {
  seededEffect(
    "that is sound is found to be, whatever a crash left of it",
    8,
    Effect.fnUntraced(function*(dice: Dice) {
      const storage = yield* fill(dice)
      const progress = new VerifyProgress()
      const report = yield* verify(storage, progress)
      assert.deepStrictEqual(report.faults, [])
      assert.deepStrictEqual([report.tables, report.checkpoints.files, report.unnamed], [2, 2, []])
      assert.strictEqual(progress.bytes, progress.total)
      assert.isTrue(report.segments.files >= 2 && report.segments.rows > 0)
      const before = yield* Effect.forEach(yield* storage.list(""), (name) => fileContent(storage, name))
      const crashed = yield* verify(storage.crashClone(dice.seed))
      assert.deepStrictEqual(crashed.faults, [])
      // Nothing was changed.
      assert.deepStrictEqual(
        yield* Effect.forEach(yield* storage.list(""), (name) => fileContent(storage, name)),
        before
      )
    })
  )

  seededEffect(
    "with a byte changed anywhere is found to be damaged, in that file",
    25,
    Effect.fnUntraced(function*(dice: Dice) {
      const storage = yield* fill(dice)
      const name = dice.pick(yield* storage.list(""))
      const content = yield* fileContent(storage, name)
      // Space of the log that is allocated ahead holds nothing yet.
      let used = content.length
      while (used > 0 && content[used - 1] === 0) used--
      const at = dice.below(used)
      yield* changeFile(storage, name, (bytes) => {
        const changed = bytes.slice()
        changed[at] ^= 1 << dice.below(8)
        return changed
      })
      const { faults, log } = yield* verify(storage)
      // The very last frame cannot be told from one that a crash left unfinished.
      if (faults.length === 0) assert.isTrue(log.tornTail?.file === name, `${name} at ${at}`)
      else assert.isTrue(faults.some(({ file }) => file === name), `${name} at ${at}: ${JSON.stringify(faults)}`)
    })
  )

  seededEffect(
    "of which a file is missing, is cut, or is another's, is found out",
    20,
    Effect.fnUntraced(function*(dice: Dice) {
      const storage = yield* fill(dice)
      const segments = yield* storage.list("segments/")
      const name = dice.pick(segments)
      const change = dice.pick(["missing", "cut", "swapped"] as const)
      if (change === "missing") yield* storage.remove(name)
      else if (change === "cut")
        yield* changeFile(storage, name, (bytes) => bytes.subarray(0, dice.below(bytes.length)))
      else yield* putFile(
          storage,
          name,
          yield* fileContent(storage, segments[(segments.indexOf(name) + 1) % segments.length])
        )
      const { faults } = yield* verify(storage)
      assert.deepStrictEqual(faults.map(({ file }) => file), [name])
    })
  )

  it.live("without the checkpoints that its log needs is found out, and so is one with those of another", () =>
    Effect.gen(function*() {
      const storage = yield* fill(new Dice(1))
      const other = yield* fill(new Dice(2))
      const [older, newer] = yield* storage.list("checkpoints/")
      const foreign = yield* other.list("checkpoints/")
      const report = yield* verify(storage)
      assert.isTrue(report.log.firstPosition > 1)

      const swapped = storage.crashClone(1)
      yield* putFile(swapped, foreign[1], yield* fileContent(other, foreign[1]))
      const { faults: [fault] } = yield* verify(swapped)
      assert.match(fault.problem, /belongs to another log|needs the log from|its end is lost/)

      yield* storage.remove(newer)
      assert.deepStrictEqual((yield* verify(storage)).faults, [])
      yield* storage.remove(older)
      const { faults } = yield* verify(storage)
      assert.match(faults[0].problem, /^the log begins at position \d+, and there is no sound checkpoint/)
    }))

  it.live("with files that nothing names is sound all the same", () =>
    Effect.gen(function*() {
      const storage = yield* fill(new Dice(3))
      yield* putFile(storage, "segments/000001/left.parquet", Buffer.from("half"))
      const report = yield* verify(storage)
      assert.deepStrictEqual([report.faults, report.unnamed], [[], ["segments/000001/left.parquet"]])
    }))
})
