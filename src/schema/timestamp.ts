/** Timestamps as text: RFC 3339, to and from microseconds since 1970. */

const fullForm =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d{2}):(\d{2}))?)?$/

/** 0001-01-01T00:00:00Z. */
export const earliestMicros = -62_135_596_800_000_000n
/** 9999-12-31T23:59:59.999999Z. */
export const latestMicros = 253_402_300_799_999_999n

/**
 * Microseconds of an RFC 3339 date-time; digits beyond microseconds are cut, a date alone is its midnight, and without
 * an offset the time is UTC. `undefined` where the text is none. A bigint only where a number would not be exact.
 */
export const parseTimestamp = (text: string): number | bigint | undefined => {
  const match = fullForm.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", , sign, offsetHour, offsetMinute] =
    match
  const date = new Date(0)
  // Set part by part, since Date.UTC would take the years 1 to 99 for 19xx.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  const millis = date.getTime()
  const rolledOver = date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)
  if (Number(year) < 1 || rolledOver || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return undefined
  if (sign !== undefined && (Number(offsetHour) > 23 || Number(offsetMinute) > 59)) return undefined
  const offset = sign === undefined
    ? 0
    : (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === "+" ? 60_000 : -60_000)
  const micros = Number(fraction.slice(0, 6).padEnd(6, "0"))
  const value = BigInt(millis - offset) * 1000n + BigInt(micros)
  // An offset may lead out of the years that have four digits.
  return value < earliestMicros || value > latestMicros ? undefined : exact(value)
}

/** The number where it is exact, else the bigint. */
export const exact = (value: bigint): number | bigint => {
  const near = Number(value)
  return Number.isSafeInteger(near) ? near : value
}

/** RFC 3339 with as many decimals as there are, at most six. */
export const formatTimestamp = (micros: number | bigint): string => {
  const value = BigInt(micros)
  let millis = value / 1000n
  let rest = value % 1000n
  if (rest < 0n) {
    rest += 1000n
    millis -= 1n
  }
  const iso = new Date(Number(millis)).toISOString()
  if (rest !== 0n) return `${iso.slice(0, -1)}${String(rest).padStart(3, "0")}Z`
  return iso.endsWith(".000Z") ? `${iso.slice(0, -5)}Z` : iso
}
