/** The picker alone: over long lives of tables, and case by case. */
import { describe, expect, it } from "vitest"
import type { TableSettings } from "../../../src/event/Event.ts"
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
    for (const [window, files] of byWindow) if (window < last) expect(files).toHaveLength(1)
    expect(byWindow.get(last)?.length ?? 0).toBeLessThan(10)
    expect(simulation.writeAmplification).toBeLessThan(4)
  })

  it.each([leveled, tiered, windows])("everything, where that is asked for ($strategy)", (strategy) => {
    const simulation = live(strategy, load)
    simulation.compact("full")
    expect(new Set(simulation.files.map(({ level }) => level)).size).toBeLessThanOrEqual(1)
    if (strategy !== leveled) expect(simulation.files.length).toBeLessThanOrEqual(1)
    expect(simulation.files.flatMap(({ content }) => content)).toHaveLength(simulation.live)
    expect(simulation.compact("full")).toEqual([])
    expect(simulation.compact("due")).toEqual([])
  })
})
