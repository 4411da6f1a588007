/** Timestamps of millions of rows: the forms that programs write, without a regular expression or a Date. */
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

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/** Days since 1970 of a date in the Gregorian calendar: years begin in March, so that the leap day comes last. */
const daysSince1970 = (year: number, month: number, day: number): number => {
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
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
  const lastDay = month === 2 && isLeap(year) ? 29 : daysOfMonth[month - 1]
  // A NaN is in no range.
  const isValid = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= lastDay && hour <= 23 && minute <= 59 &&
    second <= 59 && fraction >= 0
  if (!isValid) return undefined
  const seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
  const micros = seconds * 1_000_000 + fraction
  return Number.isSafeInteger(micros) ? micros : undefined
}

/** As `parseTimestamp`, and faster for what is usual. */
export const readTimestamp = (text: string): number | bigint | undefined => parseUsual(text) ?? parseTimestamp(text)
