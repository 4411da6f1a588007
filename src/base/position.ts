/**
 * A place in the log. Every committed row has one; a version *is* its position.
 *
 * A position is a safe integer in memory and a uint64 on the wire and on disk: a partition that takes a million rows a
 * second reaches 2^53 after 285 years.
 */
import type * as Brand from "effect/Brand"

/** A position: 0 is before everything, the first committed row has 1. */
export type Position = number & Brand.Brand<"varve/Position">

/** Before everything. */
export const zero = 0 as Position

/** The first position that a log gives. */
export const first = 1 as Position

/** The largest position; a snapshot at it sees everything. */
export const max = Number.MAX_SAFE_INTEGER as Position

/** Takes a number that is known to be a position. Defects on anything else, which is a bug of the caller. */
export const make = (value: number): Position => {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`not a position: ${value}`)
  }
  return value as Position
}

/** Reads a position off a message's uint64. `undefined` for a value that no log can have given. */
export const fromBigInt = (value: bigint): Position | undefined =>
  value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? (Number(value) as Position) : undefined

/** The position `count` rows further on. */
export const advance = (position: Position, count: number): Position => (position + count) as Position
