/** The picker alone: over long lives of tables, and case by case. */
import { describe, expect, it } from "vitest"
import type { TableSettings } from "../../../src/event/Event.ts"
import type { Candidate } from "../../../src/processor/compaction/candidates.ts"
import { type CompactionAim, type Moment, pickCompaction } from "../../../src/processor/compaction/pickCompaction.ts"
import { below, type Dice, makeDice } from "../../segment/support.ts"
import { Simulation } from "./simulation.ts"

const rowsOfFlush = 20
const flushBytes = 1000 * rowsOfFlush

const options = { level0Files: 4, level1Bytes: 8 * flushBytes, fileBytesMax: 2 * flushBytes, inputsMax: 16 }

const leveled: TableSettings["compaction"] = { strategy: "leveled" }
const tiered: TableSettings["compaction"] = { strategy: "tiered" }
/** A window is about ten flushes. */
const windows: TableSettings["compaction"] = { strategy: "time-window", windowMicros: 10 * rowsOfFlush }

/** The keys of a flush; negative ones are deleted. */
type Load = (dice: Dice, flush: number) => ReadonlyArray<number>

const drawn = (key: (dice: Dice, i: number, flush: number) => number): Load => (dice, flush) =>
  Array.from({ length: rowsOfFlush }, (_, i) => key(dice, i, flush))

const spread = drawn((dice) => 1 + below(dice, 1e9))
const loads: Readonly<Record<string, Load>> = {
  "keys at random, each written once": spread,
  "keys at random, written again and again": drawn((dice) => 1 + below(dice, 1000)),
  "keys that ascend": drawn((_, i, flush) => 1 + flush * rowsOfFlush + i),
  "keys that ascend, a few of old ones among them": drawn((dice, i, flush) =>
    i === 0 ? 1 + below(dice, 1 + flush * rowsOfFlush) : 1 + flush * rowsOfFlush + i
  ),
  "keys that descend": drawn((_, i, flush) => 1e6 - flush * rowsOfFlush - i),
  "flushes of any size": (dice, flush) => spread(dice, flush).slice(0, 1 + below(dice, rowsOfFlush)),
  "every row deleted soon after": drawn((dice, _, flush) => (flush % 2 === 0 ? 1 : -1) * (1 + below(dice, 300))),
  "a queue: written at its end, deleted at its beginning": drawn((_, i, flush) =>
    i % 2 === 0 ? 1 + flush * rowsOfFlush + i : -(1 + Math.max(0, flush - 5) * rowsOfFlush + i - 1)
  ),
  "one key over and over": drawn(() => 7)
}

const flushes = 250

const live = (strategy: TableSettings["compaction"], load: Load, keepsHistory = false): Simulation => {
  const dice = makeDice(11)
  const simulation = new Simulation(strategy, options)
  if (keepsHistory) simulation.horizon = 0
  for (let flush = 0; flush < flushes; flush++) simulation.flush(load(dice, flush))
  return simulation
}

describe.each(Object.entries(loads))("%s", (_, load) => {
  it.each([false, true])("leveled: few files of level 0, levels of their sizes (history kept: %s)", (keepsHistory) => {
    const simulation = live(leveled, load, keepsHistory)
    const levels = simulation.levels()
    expect(levels[0] ?? 0).toBeLessThan(4 * options.level0Files)
    for (let level = 1; level < levels.length; level++) {
      expect(simulation.bytesOf(level)).toBeLessThanOrEqual(options.level1Bytes * 10 ** (level - 1))
    }
    // 250 flushes fill level 1 (8 flushes), level 2 (80) and a part of level 3.
    expect(levels.length).toBeLessThanOrEqual(4)
    expect(simulation.inputsMax).toBeLessThanOrEqual(options.inputsMax)
    expect(simulation.writeAmplification).toBeLessThan(16)
  })

  it("leveled: files are not much smaller than they may be", () => {
    const simulation = live(leveled, load)
    const bytes = simulation.files.filter(({ level }) => level > 0).reduce((sum, file) => sum + file.bytes, 0)
    const count = simulation.files.filter(({ level }) => level > 0).length
    expect(count).toBeLessThanOrEqual(4 + 4 * bytes / options.fileBytesMax)
  })

  it.each([false, true])(
    "tiered: files by the logarithm, rows rewritten by it too (history kept: %s)",
    (keepsHistory) => {
      const simulation = live(tiered, load, keepsHistory)
      expect(simulation.filesMax).toBeLessThanOrEqual(options.level0Files + Math.log2(flushes))
      expect(simulation.writeAmplification).toBeLessThan(1 + Math.log2(flushes))
      expect(simulation.inputsMax).toBeLessThanOrEqual(options.inputsMax)
    }
  )

  it("time windows: one file for each that is over", () => {
    const simulation = live(windows, load, true)
    const windowOf = (time: number) => Math.floor(time / (10 * rowsOfFlush))
    const byWindow = Map.groupBy(simulation.files, ({ lastTime }) => windowOf(lastTime))
    const last = windowOf(simulation.position)
    const over = [...byWindow].filter(([window]) => window < last)
    expect(over.filter(([, files]) => files.length !== 1)).toEqual([])
    expect(byWindow.get(last)?.length ?? 0).toBeLessThan(10)
    expect(simulation.writeAmplification).toBeLessThan(4)
  })

  it.each([leveled, tiered, windows])("everything, where that is asked for ($strategy)", (strategy) => {
    const simulation = live(strategy, load)
    simulation.compact("full")
    expect(new Set(simulation.files.map(({ level }) => level)).size).toBeLessThanOrEqual(1)
    const filesMax = strategy === leveled ? Infinity : 1
    expect(simulation.files.length).toBeLessThanOrEqual(filesMax)
    expect(simulation.files.flatMap(({ content }) => content)).toHaveLength(simulation.live)
    expect(simulation.compact("full")).toEqual([])
    expect(simulation.compact("due")).toEqual([])
  })
})

describe("a pick", () => {
  const keyBytes = (key: number): Uint8Array => Uint8Array.of(key)

  /** A file of 10 rows of as many keys: at a level, from one key to another, with positions up to a hundred times its number. */
  const file = (
    number: number,
    level: number,
    first: number,
    last: number,
    more: Partial<Candidate> = {}
  ): Candidate => ({
    name: `file ${number}`,
    level,
    bytes: flushBytes,
    rows: 10,
    keys: 10,
    deletions: 0,
    firstKey: keyBytes(first),
    lastKey: keyBytes(last),
    firstPosition: 100 * number - 99,
    lastPosition: 100 * number,
    lastTime: 100 * number,
    garbage: 0,
    isExpired: false,
    ...more
  })

  const pick = (
    segments: ReadonlyArray<Candidate>,
    strategy: TableSettings["compaction"] = leveled,
    aim: CompactionAim = "due",
    moment: Partial<Moment> = {}
  ) => {
    const picked = pickCompaction(segments, strategy, options, aim, { horizon: 10_000, now: 10_000, ...moment })
    if (picked === undefined) return undefined
    const { dropsDeletions, inputs, kind, outputLevel } = picked
    return { kind, inputs: inputs.map(({ name }) => Number(name.slice(5))), outputLevel, dropsDeletions }
  }

  it("is none where nothing is due", () => {
    for (const strategy of [leveled, tiered, windows]) {
      expect(pick([], strategy)).toBeUndefined()
      expect(pick([], strategy, "full")).toBeUndefined()
      expect(pick([file(1, 1, 0, 9), file(2, 0, 0, 9)], strategy)).toBeUndefined()
    }
  })

  it("from level 0 takes all that meet, with what they meet on level 1", () => {
    expect(pick([
      ...[file(1, 2, 0, 99), file(2, 1, 0, 9), file(3, 1, 20, 29), file(4, 1, 60, 69)],
      ...[file(5, 0, 5, 25), file(6, 0, 22, 28), file(7, 0, 8, 8), file(8, 0, 50, 61)]
    ])).toEqual({ kind: "merge", inputs: [2, 3, 4, 5, 6, 7, 8], outputLevel: 1, dropsDeletions: false })
    // Nothing is dragged along that lies between: a large file that no key is in.
    expect(pick([
      ...[file(1, 1, 0, 9), file(2, 1, 30, 40), file(3, 1, 60, 69)],
      ...[file(5, 0, 5, 25), file(6, 0, 22, 28), file(7, 0, 8, 8), file(8, 0, 50, 61)]
    ])).toEqual({ kind: "merge", inputs: [1, 5, 6, 7], outputLevel: 1, dropsDeletions: true })
  })

  it("takes the oldest where there are more of level 0 than one merge may have", () => {
    const flushed = Array.from({ length: 20 }, (_, i) => file(i + 1, 0, 0, 99))
    expect(pick(flushed)?.inputs).toEqual(flushed.slice(0, 16).map((_, i) => i + 1))
    expect(pick(flushed, leveled, "full")?.inputs).toHaveLength(16)
  })

  it("moves what meets nothing, and merges small neighbours instead", () => {
    const apart = (bytes: number) =>
      [1, 2, 3, 4].map((number) => file(number, 0, 10 * number, 10 * number + 5, { bytes }))
    expect(pick(apart(flushBytes))).toEqual({
      kind: "move",
      inputs: [1, 2, 3, 4],
      outputLevel: 1,
      dropsDeletions: true
    })
    expect(pick(apart(100))).toEqual({ kind: "merge", inputs: [1, 2, 3, 4], outputLevel: 1, dropsDeletions: true })
    // The small one that earlier flushes left on level 1 is next to them.
    const left = [file(8, 1, 0, 5), file(9, 1, 6, 9, { bytes: 300 })]
    expect(pick([...left, ...apart(100)])?.inputs).toEqual([9, 1, 2, 3, 4])
  })

  it("takes from a level too large the file that meets the fewest bytes below, and what it meets", () => {
    const bytes = options.level1Bytes / 2
    expect(pick([
      ...[file(1, 2, 0, 19), file(2, 2, 30, 35), file(3, 2, 36, 49)],
      ...[file(4, 1, 10, 40, { bytes }), file(5, 1, 44, 45, { bytes }), file(6, 1, 46, 60, { bytes })]
    ])).toEqual({ kind: "merge", inputs: [3, 5], outputLevel: 2, dropsDeletions: true })
  })

  it("drops deletions only where nothing older has a key in common", () => {
    const flushed = [4, 5, 6, 7].map((number) => file(number, 0, 30, 50))
    const dropsDeletions = (...older: ReadonlyArray<Candidate>) => pick([...older, ...flushed])?.dropsDeletions
    expect(dropsDeletions(file(1, 1, 30, 35))).toBe(true)
    expect(dropsDeletions(file(1, 2, 30, 35))).toBe(false)
    expect(dropsDeletions(file(1, 2, 0, 29), file(2, 2, 51, 60))).toBe(true)
    // A newer one does no harm, and neither does one beside.
    const merged = [1, 2, 3, 4].map((number) => file(number, 0, 30, 50))
    expect(pick([...merged, file(5, 0, 30, 50, { bytes: 100 * flushBytes })], tiered)).toEqual({
      kind: "merge",
      inputs: [1, 2, 3, 4],
      outputLevel: 0,
      dropsDeletions: true
    })
    expect(pick([file(9, 0, 30, 50, { bytes: 100 * flushBytes, lastPosition: 1 }), ...merged], tiered)).toEqual({
      kind: "merge",
      inputs: [1, 2, 3, 4],
      outputLevel: 0,
      dropsDeletions: false
    })
  })

  it("rewrites a file of which much is superseded, deleted or expired, as soon as the horizon allows it", () => {
    const mostly = (more: Partial<Candidate>, horizon = 10_000, aim: CompactionAim = "due") =>
      pick([file(1, 1, 0, 9, more), file(2, 1, 10, 19)], leveled, aim, { horizon })
    const rewritten = { kind: "merge", inputs: [1], outputLevel: 1, dropsDeletions: true }
    expect(mostly({})).toBeUndefined()
    for (
      const more of [{ garbage: 4 }, { keys: 6 }, { deletions: 4 }, { keys: 8, deletions: 2 }, { isExpired: true }]
    ) {
      expect(mostly(more)).toEqual(rewritten)
    }
    expect(mostly({ garbage: 3 })).toBeUndefined()
    expect(mostly({ garbage: 3 }, 10_000, "garbage")).toEqual(rewritten)
    expect(mostly({ garbage: 3 }, 10_000, "full")).toEqual(rewritten)
    expect(mostly({ keys: 6 }, 99)).toBeUndefined()
    expect(mostly({ deletions: 4 }, 99)).toBeUndefined()
    expect(mostly({ garbage: 4 }, 99)).toEqual(rewritten)
  })

  it("brings deletions down to what they delete", () => {
    const below = [file(1, 2, 0, 20), file(2, 1, 30, 40)]
    expect(pick([...below, file(3, 1, 0, 9, { deletions: 9 })])).toEqual({
      kind: "merge",
      inputs: [1, 3],
      outputLevel: 2,
      dropsDeletions: true
    })
    expect(pick([...below, file(3, 1, 0, 9, { deletions: 3 })])).toBeUndefined()
    // Two levels down: first it moves.
    expect(pick([...below, file(3, 0, 0, 9, { deletions: 9 })])).toMatchObject({ kind: "move", outputLevel: 1 })
    // What is older on level 0 goes along.
    expect(pick([...below, file(3, 0, 5, 35), file(4, 0, 0, 9, { deletions: 9, rows: 9, keys: 9 })])?.inputs)
      .toEqual([2, 3, 4])
  })

  it("says why, in a sentence for people", () => {
    const flushed = [1, 2, 3, 4].map((number) => file(number, 0, 0, 9))
    const reasonOf = (strategy: TableSettings["compaction"], aim: CompactionAim = "due", now = 10_000) =>
      pickCompaction(flushed, strategy, options, aim, { horizon: 0, now })?.reason
    expect(reasonOf(leveled)).toBe("level 0 has 4 files")
    expect(reasonOf(tiered)).toBe("4 files of about one size follow one another")
    expect(reasonOf(windows)).toMatch(/^the window that ended at 1970-01-01T00:00:00.*Z is over$/)
    expect(reasonOf(tiered, "full")).toBe("everything was asked for")
  })
})
