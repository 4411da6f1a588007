/**
 * Back-pressure: slows writers down as memory fills, so that they come to the speed of flushing without ever meeting a
 * wall.
 *
 * Up to `softShare` of the limit nobody waits. From there on requests are let in at a rate that falls from twice the
 * speed of flushing, where the memory is nearly free, to a quarter of it, where it is nearly full; in between it meets
 * that speed, and stays there. At the limit everyone waits.
 */

/** Of the limit: where slowing down begins. */
const softShare = 0.6

/** Of the limit: where nobody is let in. The rest is for what is on its way. */
const hardShare = 0.95

/** Bytes of memory a second that flushing frees, until that is measured. */
const freedPerSecondAssumed = 100e6

/** How much a new measurement counts against those before it. */
const weight = 0.3

export class Throttle {
  private readonly limitBytes: number
  private freedPerSecond = freedPerSecondAssumed
  /** Requests that had to wait, and for how long together. */
  waits = 0
  waitedMillis = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /** Flushing has freed so much memory in so much time. */
  freed(bytes: number, millis: number): void {
    this.freedPerSecond += weight * (bytes / Math.max(millis, 1) * 1000 - this.freedPerSecond)
  }

  /**
   * How long a request of so many bytes has to wait, in milliseconds, where rows and requests in flight hold `heldBytes`;
   * `undefined` = until that is less.
   */
  delayMillis(bytes: number, heldBytes: number): number | undefined {
    const soft = this.limitBytes * softShare
    const hard = this.limitBytes * hardShare
    if (heldBytes + bytes >= hard && heldBytes > 0) return undefined
    if (heldBytes <= soft) return 0
    const fullness = (heldBytes - soft) / (hard - soft)
    return bytes / (this.freedPerSecond * (2 - 1.75 * fullness)) * 1000
  }
}
