/**
 * The rows that benchmarks write: nine columns, of which two are text with few values, one is text with many, two are
 * doubles, two are integers, and one each a time and a flag. 247 bytes a row as JSON.
 */

/** A row, as JSON has it. */
export interface Row {
  readonly carrier: string
  readonly origin: string
  readonly flight: string
  readonly delay: number
  readonly distance: number
  readonly seats: number
  readonly serial: number
  readonly departed: string
  readonly cancelled: boolean
}

/** The schema that rows are written under. */
export const schema = {
  columns: [
    { name: "carrier", type: "string" },
    { name: "origin", type: "string" },
    { name: "flight", type: "string" },
    { name: "delay", type: "float64", nullable: true },
    { name: "distance", type: "float64" },
    { name: "seats", type: "int32" },
    { name: "serial", type: "int64" },
    { name: "departed", type: "timestamp" },
    { name: "cancelled", type: "bool" }
  ]
}

const carriers = ["AA", "AS", "B6", "DL", "EV", "F9", "HA", "MQ", "NK", "OO", "UA", "US", "WN"]
const airports = Array.from(
  { length: 300 },
  (_, i) => String.fromCharCode(65 + i % 26, 65 + (i * 7) % 26, 65 + (i * 11) % 26)
)

/** A pseudo-random sequence that is the same in every run. */
export const makeRandom = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

/** The rows numbered from `first` on; row n is the same whenever it is made. */
export const makeRows = (first: number, count: number): ReadonlyArray<Row> => {
  const random = makeRandom(first + 1)
  return Array.from({ length: count }, (_, i) => {
    const n = first + i
    return {
      carrier: carriers[Math.floor(random() * carriers.length)],
      origin: airports[Math.floor(random() * airports.length)],
      flight: `F${(n * 7919 % 100_000_000).toString().padStart(8, "0")}`,
      delay: Math.round(random() * 1000) / 10 - 10,
      distance: Math.round(random() * 40_000) / 10,
      seats: 50 + Math.floor(random() * 350),
      serial: 1_000_000_000_000 + n,
      departed: new Date(1_700_000_000_000 + n * 137).toISOString(),
      cancelled: random() < 0.02
    }
  })
}

/** The key of row n. */
export const keyOf = (n: number): string => `flight-${n.toString().padStart(10, "0")}`
