/** Positions and times against a list of frames. */
import { assert, describe, it } from "@effect/vitest"
import * as Position from "../../src/base/position.ts"
import { CommitTimes } from "../../src/mvcc/commitTimes.ts"
import { receiptMicrosMax, Receipts, receiptsMax } from "../../src/mvcc/receipts.ts"
import { seeded } from "../support/dice.ts"

describe("commit times", () => {
  seeded("agree with a list of frames, at every position and time", 60, (dice) => {
    const times = new CommitTimes()
    const frames: Array<
      { readonly first: number; readonly last: number; readonly time: number; readonly whole: boolean }
    > = []
    let position = 0
    let time = 1000
    const count = dice.pick([0, 1, 5, 200, 3000])
    for (let frame = 0; frame < count; frame++) {
      const span = dice.chance(0.6) ? 1 : dice.between(2, 5)
      if (dice.chance(0.4)) time += dice.between(1, 3)
      const whole = dice.chance(0.5)
      times.append((position + 1) as Position.Position, span, time, whole)
      frames.push({ first: position + 1, last: position + span, time, whole })
      position += span
    }
    // All at once, in whatever block they are, with positions that were never given at both ends.
    const wanted = Float64Array.from({ length: position + 2 }, (_, at) => at).filter(() => dice.chance(0.7))
    const filled = new Float64Array(wanted.length + 1).fill(-1)
    times.fillTimes(wanted, wanted.length, filled)
    wanted.forEach((at, i) => assert.strictEqual(filled[i], times.timeOf(at as Position.Position), `filled at ${at}`))
    assert.strictEqual(filled[wanted.length], -1)
    // As a checkpoint has them: it goes on where it ended.
    const half = CommitTimes.of(times.blocksNow())
    assert.deepStrictEqual(half.blocksNow(), times.blocksNow())
    for (const each of [times, half]) each.append((position + 1) as Position.Position, 3, time, false)
    assert.deepStrictEqual(half.blocksNow(), times.blocksNow())
    position += 3
    frames.push({ first: position - 2, last: position, time, whole: false })
    const step = count > 200 ? 17 : 1
    for (let at = 0; at <= position; at += step) {
      const frame = frames.find((candidate) => candidate.last >= at && candidate.first <= at)
      assert.strictEqual(times.timeOf(at as Position.Position), frame?.time ?? 0, `time of ${at}`)
      // A snapshot within a transaction is the one at its end: all that is at or below it is seen, nothing in part.
      const whole = frame?.whole === true ? frame.last : at
      assert.strictEqual(times.wholeAt(at as Position.Position), whole, `whole at ${at}`)
    }
    assert.strictEqual(times.timeOf(Position.max), frames.at(-1)?.time ?? 0)
    for (let at = 999; at <= time + 1; at++) {
      assert.strictEqual(
        times.positionAt(at),
        frames.findLast((frame) => frame.time <= at)?.last ?? 0,
        `position at ${at}`
      )
    }
    assert.strictEqual(times.positionAt(999), 0)
    assert.strictEqual(times.positionAt(Number.MAX_SAFE_INTEGER), position)
  })
})

describe("receipts", () => {
  const receipt = (position: number, commitTime: number) => ({
    firstPosition: position as Position.Position,
    lastPosition: position as Position.Position,
    commitTime,
    contentHash: new Uint8Array(32)
  })

  it("are no more than a million, the oldest going first, and a cut through them stays as it was", () => {
    const receipts = new Receipts()
    const hash = new Uint8Array(32)
    const put = (i: number) =>
      receipts.put("t", String(i), {
        firstPosition: i as Position.Position,
        lastPosition: i as Position.Position,
        commitTime: i,
        contentHash: hash
      })
    for (let i = 0; i < receiptsMax + 10_000; i++) put(i)
    assert.strictEqual(receipts.size, receiptsMax)
    assert.isUndefined(receipts.get("t", "9999"))
    assert.isDefined(receipts.get("t", "10000"))
    const runs = receipts.runsNow()
    for (let i = receiptsMax + 10_000; i < receiptsMax + 20_000; i++) put(i)
    const cut = runs.flat()
    assert.strictEqual(cut.length, receiptsMax)
    assert.deepStrictEqual([cut[0].key, cut[receiptsMax - 1].key], ["t\u000010000", `t\u0000${receiptsMax + 9999}`])
  })

  it("are kept for a day of the log's own time, and are of one tenant", () => {
    const receipts = new Receipts()
    receipts.put("t", "first", receipt(1, 0))
    receipts.put("u", "first", receipt(2, 5))
    assert.strictEqual(receipts.get("t", "first")?.firstPosition, 1)
    assert.strictEqual(receipts.get("u", "first")?.firstPosition, 2)
    assert.isUndefined(receipts.get("v", "first"))
    receipts.put("t", "next", receipt(3, receiptMicrosMax))
    assert.isDefined(receipts.get("t", "first"))
    receipts.put("t", "last", receipt(4, receiptMicrosMax + 1))
    assert.isUndefined(receipts.get("t", "first"))
    assert.isDefined(receipts.get("u", "first"))
    assert.strictEqual(receipts.size, 3)
  })
})
