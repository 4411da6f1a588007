/** Timestamps of millions of rows: the forms that programs write, without a regular expression or a Date. */
import { daysInMonth, daysSinceEpoch } from "../../base/calendar.ts"
import { parseTimestamp } from "../../schema/timestamp.ts"

const zero = 48
const dash = 45
const colon = 58
const dot = 46
const space = 32
const upperT = 84
const upperZ = 90

/** The number of two digits; NaN for anything else. */
const pairAt = (text: string, at: number): number => {
  const tens = text.charCodeAt(at) - zero
  const ones = text.charCodeAt(at + 1) - zero
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/** Microseconds of a fraction of at most six digits that ends before the Z at the text's end; NaN for anything else. */
const fractionAt = (text: string, start: number): number => {
  const count = text.length - 1 - start
  if (count < 1 || count > 6) return Number.NaN
  let value = 0
  for (let i = 0; i < 6; i++) {
    const digit = i < count ? text.charCodeAt(start + i) - zero : 0
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

/** `YYYY-MM-DDTHH:MM:SSZ`, with a fraction or without; `undefined` for everything else. */
const parseUsual = (text: string): number | undefined => {
  const { length } = text
  const separator = text.charCodeAt(10)
  if (
    length < 20 || length > 27 || text.charCodeAt(length - 1) !== upperZ || text.charCodeAt(4) !== dash ||
    text.charCodeAt(7) !== dash || (separator !== upperT && separator !== space) || text.charCodeAt(13) !== colon ||
    text.charCodeAt(16) !== colon
  ) return undefined
  const year = pairAt(text, 0) * 100 + pairAt(text, 2)
  const month = pairAt(text, 5)
  const day = pairAt(text, 8)
  const [hour, minute, second] = [pairAt(text, 11), pairAt(text, 14), pairAt(text, 17)]
  const fraction = length === 20 ? 0 : text.charCodeAt(19) === dot ? fractionAt(text, 20) : Number.NaN
  const lastDay = daysInMonth(year, month)
  // A NaN is in no range.
  const isValid = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= lastDay && hour <= 23 && minute <= 59 &&
    second <= 59 && fraction >= 0
  if (!isValid) return undefined
  const seconds = daysSinceEpoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
  const micros = seconds * 1_000_000 + fraction
  return Number.isSafeInteger(micros) ? micros : undefined
}

/** As `parseTimestamp`, and faster for what is usual. */
export const readTimestamp = (text: string): number | bigint | undefined => parseUsual(text) ?? parseTimestamp(text)
