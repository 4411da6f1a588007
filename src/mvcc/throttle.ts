/**
 * Back-pressure: slows writers down as memory fills, so that they come to the speed of flushing without ever meeting a
 * wall.
 *
 * Flushing frees memory a memtable at a time. What counts here is what will be held when the flush that is under way has
 * ended, as far as it has come: that changes smoothly, and so does the speed of writers. Up to the start of a ramp nobody
 * waits. On the ramp requests are let in at a rate that falls from twice the speed of flushing to a quarter of it; in
 * between it meets that speed, and stays there. The ramp's end leaves room for the memtable that is being flushed. At the
 * limit itself everyone waits.
 */

/** Of the limit: where nobody is let in. The rest is for what is on its way. */
const hardShare = 0.95

/** Of the ramp's end: where it starts. */
const rampStart = 0.5

/** Of the limit: what a flush frees, until that is measured. */
const lumpShareAssumed = 0.25

/** Bytes of memory a second that flushing frees, until that is measured. */
const freedPerSecondAssumed = 100e6

/** How much a new measurement counts against those before it. */
const weight = 0.3

export class Throttle {
  private readonly limitBytes: number
  private freedPerSecond = freedPerSecondAssumed
  /** What the last flush freed, and when, in milliseconds. */
  private lumpBytes: number
  private freedAt = Number.NEGATIVE_INFINITY
  /** Requests that had to wait, and for how long together. */
  waits = 0
  waitedMillis = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
    this.lumpBytes = limitBytes * lumpShareAssumed
  }

  /** Flushing has freed so much memory in so much time, ending now. */
  freed(bytes: number, millis: number, nowMillis: number): void {
    this.freedPerSecond += weight * (bytes / Math.max(millis, 1) * 1000 - this.freedPerSecond)
    this.lumpBytes = Math.min(bytes, this.limitBytes / 2)
    this.freedAt = nowMillis
  }

  /**
   * How long a request of so many bytes has to wait, in milliseconds, where rows and requests in flight hold `heldBytes`;
   * `undefined` = until that is less.
   */
  delayMillis(bytes: number, heldBytes: number, nowMillis: number): number | undefined {
    const hard = this.limitBytes * hardShare
    if (heldBytes + bytes >= hard && heldBytes > 0) return undefined
    const flushed = Math.min(this.lumpBytes, (nowMillis - this.freedAt) / 1000 * this.freedPerSecond)
    const end = hard - this.lumpBytes
    const start = end * rampStart
    const held = heldBytes - flushed
    if (held <= start) return 0
    const steepness = Math.min(1, (held - start) / (end - start))
    return bytes / (this.freedPerSecond * (2 - 1.75 * steepness)) * 1000
  }
}
