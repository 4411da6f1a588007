/** Values as bytes that order like the values do: what a value index is sorted and searched by. */
import { compareBytes } from "../../base/bytes.ts"
import { valueBytesMax } from "./format.ts"

const scratch = new DataView(new ArrayBuffer(8))

/**
 * Eight bytes of a number, most significant first: those of the double, with the sign turned so that negative numbers come
 * before positive ones. An integer beyond 2^53 goes by its nearest double. `undefined` for NaN, which equals nothing.
 */
export const indexedNumber = (value: number | bigint): Uint8Array<ArrayBuffer> | undefined => {
  const double = Number(value)
  if (Number.isNaN(double)) return undefined
  // Zero has two signs, and they are equal.
  scratch.setFloat64(0, double === 0 ? 0 : double)
  const high = scratch.getUint32(0)
  const isNegative = high >>> 31 === 1
  scratch.setUint32(0, isNegative ? ~high : high | 0x8000_0000)
  if (isNegative) scratch.setUint32(4, ~scratch.getUint32(4))
  return new Uint8Array(scratch.buffer.slice(0))
}

/** The first bytes of a text. */
export const indexedText = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, valueBytesMax)

/** Values from `from` to `to`, both of them included; either may be open. */
export interface ValueRange {
  readonly from: Uint8Array | undefined
  readonly to: Uint8Array | undefined
}

/** All texts that begin with these bytes. */
export const prefixRange = (bytes: Uint8Array): ValueRange => {
  const from = indexedText(bytes)
  const to = new Uint8Array(valueBytesMax).fill(0xff)
  to.set(from)
  return { from, to }
}

/** Whether a value is in a range. */
export const isWithin = (value: Uint8Array, { from, to }: ValueRange): boolean =>
  (from === undefined || compareBytes(value, from) >= 0) && (to === undefined || compareBytes(value, to) <= 0)
