/** Shares and levels as pictures in text. */

const eighths = " ▏▎▍▌▋▊▉█"
const heights = "▁▂▃▄▅▆▇█"

/** A bar of a share from 0 to 1, `width` columns at most; what is more than nothing shows. */
export const barOf = (share: number, width: number): string => {
  const parts = Math.max(share > 0 ? 1 : 0, Math.round(Math.min(1, share) * width * 8))
  const whole = Math.floor(parts / 8)
  return "█".repeat(whole) + (parts % 8 === 0 ? "" : eighths[parts % 8])
}

/** A share from 0 to 1 as a block that is higher the more it is. */
export const heightOf = (share: number): string => heights[Math.min(7, Math.floor(Math.min(1, share) * 8))]

/** A share in percent, as in `34%`, `0.2%`. */
export const percentOf = (part: number, whole: number): string => {
  if (whole === 0) return "0%"
  const percent = 100 * part / whole
  return `${percent > 0 && percent < 9.95 ? Number(percent.toFixed(1)) : Math.round(percent)}%`
}
