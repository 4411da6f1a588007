/** Orders two rows of vectors by the bytes of their keys, without making views of them. */
import type { TextVector } from "../event/vector.ts"

/** Negative, zero or positive. */
export const compareKeys = (left: TextVector, leftRow: number, right: TextVector, rightRow: number): number => {
  const leftHeap = left.heap
  const rightHeap = right.heap
  const leftStart = left.offsets[leftRow]
  const rightStart = right.offsets[rightRow]
  const leftLength = left.offsets[leftRow + 1] - leftStart
  const rightLength = right.offsets[rightRow + 1] - rightStart
  const length = Math.min(leftLength, rightLength)
  for (let i = 0; i < length; i++) {
    const difference = leftHeap[leftStart + i] - rightHeap[rightStart + i]
    if (difference !== 0) return difference
  }
  return leftLength - rightLength
}
