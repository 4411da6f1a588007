/** Numbers as people read them. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 })

/** `1,234,567`. */
export const formatCount = (count: number): string => grouped.format(count)

/** `1 record`, `1,234 records`. */
export const countOf = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`

/** A rate, as in `481,000`: three digits say all that it tells. */
export const formatRate = (perSecond: number): string =>
  Number.isFinite(perSecond) ? short.format(perSecond < 1 ? 0 : perSecond) : "0"

/** A duration, as in `0.42 s`, `12.3 s`, `4 min 10 s`. */
export const formatSeconds = (millis: number): string => {
  const seconds = millis / 1000
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`
  return `${formatCount(Math.floor(seconds / 60))} min ${Math.round(seconds % 60)} s`
}

/** Bytes, as in `812 B`, `13.5 MB`. */
export const formatBytes = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let unit = 0
  let value = bytes
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit]}`
}
