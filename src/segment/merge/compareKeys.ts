/** Comparing keys where they lie. */

/** Orders left[leftStart, leftEnd) and right[rightStart, rightEnd) as bytes. */
export const compareKeys = (
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number
): number => {
  const leftLength = leftEnd - leftStart
  const rightLength = rightEnd - rightStart
  const length = leftLength < rightLength ? leftLength : rightLength
  for (let i = 0; i < length; i++) {
    const difference = left[leftStart + i] - right[rightStart + i]
    if (difference !== 0) return difference
  }
  return leftLength - rightLength
}

/** Whether both are the same. Neighbours differ at their ends, mostly: that is where this begins. */
export const isSameKey = (
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number
): boolean => {
  let i = leftEnd - leftStart
  if (i !== rightEnd - rightStart) return false
  while (i-- > 0) {
    if (left[leftStart + i] !== right[rightStart + i]) return false
  }
  return true
}
