/** Positions and times against a list of frames. */
import { assert, describe, it } from "@effect/vitest"
import * as Position from "../../src/base/position.ts"
import { CommitTimes } from "../../src/mvcc/commitTimes.ts"
import { receiptMicrosMax, Receipts } from "../../src/mvcc/receipts.ts"
import { seeded } from "../support/dice.ts"

describe("commit times", () => {
  seeded("agree with a list of frames, at every position and time", 60, (dice) => {
    const times = new CommitTimes()
    const frames: Array<{ readonly first: number; readonly last: number; readonly time: number }> = []
    let position = 0
    let time = 1000
    const count = dice.pick([0, 1, 5, 200, 3000])
    for (let frame = 0; frame < count; frame++) {
      const span = dice.chance(0.6) ? 1 : dice.between(2, 5)
      if (dice.chance(0.4)) time += dice.between(1, 3)
      times.append((position + 1) as Position.Position, span, time)
      frames.push({ first: position + 1, last: position + span, time })
      position += span
    }
    const step = count > 200 ? 17 : 1
    for (let at = 0; at <= position; at += step) {
      const frame = frames.find((candidate) => candidate.last >= at && candidate.first <= at)
      assert.strictEqual(times.timeOf(at as Position.Position), frame?.time ?? 0, `time of ${at}`)
      // The largest position that is the end of a frame and not beyond: there a snapshot cuts through nothing.
      const whole = frames.findLast((candidate) => candidate.last <= at)?.last ?? 0
      assert.strictEqual(times.floor(at as Position.Position), whole, `floor of ${at}`)
    }
    assert.strictEqual(times.timeOf(Position.max), frames.at(-1)?.time ?? 0)
    for (let at = 999; at <= time + 1; at++) {
      assert.strictEqual(
        times.positionAt(at),
        frames.findLast((frame) => frame.time <= at)?.last ?? 0,
        `position at ${at}`
      )
    }
    assert.strictEqual(times.positionAt(0), 0)
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
