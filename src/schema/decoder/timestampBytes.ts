/** The everyday form of a timestamp, read off the wire without making a string. */
import { daysInMonth, daysSinceEpoch } from "../../base/calendar.ts"

const zero = 48
const nine = 57

const twoDigits = (bytes: Uint8Array, at: number): number => {
  const tens = bytes[at]
  const ones = bytes[at + 1]
  return tens < zero || tens > nine || ones < zero || ones > nine ? Number.NaN : (tens - zero) * 10 + ones - zero
}

/**
 * Microseconds of `YYYY-MM-DDTHH:MM:SS[.f{1,6}]Z` in bytes[start, end), without making a string. NaN for any other
 * form, which may still be a timestamp: `parseTimestamp` reads them all.
 */
export const timestampInBytes = (bytes: Uint8Array, start: number, end: number): number => {
  const length = end - start
  if (length < 20 || length === 21 || length > 27 || bytes[end - 1] !== 0x5a || bytes[start + 10] !== 0x54)
    return Number.NaN
  if (bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return Number.NaN
  if (bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a) return Number.NaN
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2)
  const month = twoDigits(bytes, start + 5)
  const day = twoDigits(bytes, start + 8)
  const hour = twoDigits(bytes, start + 11)
  const minute = twoDigits(bytes, start + 14)
  const second = twoDigits(bytes, start + 17)
  // Days beyond the 28th and odd years take the careful way; a NaN part fails every comparison.
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60))
    return Number.NaN
  if (!(year >= 1700 && year <= 2200)) return Number.NaN
  if (day > 28 && day > daysInMonth(year, month)) return Number.NaN
  let micros = 0
  if (length > 20) {
    if (bytes[start + 19] !== 0x2e) return Number.NaN
    let scale = 100_000
    for (let at = start + 20; at < end - 1; at++, scale /= 10) {
      const digit = bytes[at] - zero
      if (digit < 0 || digit > 9) return Number.NaN
      micros += digit * scale
    }
  }
  return ((daysSinceEpoch(year, month, day) * 24 + hour) * 3600 + minute * 60 + second) * 1_000_000 + micros
}
