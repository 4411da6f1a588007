/** The kinds of values that a configuration key takes: how each is read from YAML or the environment, and shown again. */

/** A value, or the problem with it as the end of the sentence "server.host ...". */
export type Parsed<A> = { readonly value: A } | { readonly problem: string }

/** One kind of value. */
export interface Kind<A> {
  /** What to write, for messages: `a size like 64MB`. */
  readonly expects: string
  /** Reads what YAML gave, or the text of an environment variable or flag. */
  readonly parse: (input: unknown) => Parsed<A>
  /** The value as one would write it. */
  readonly show: (value: A) => string
}

const quote = (input: unknown): string =>
  typeof input === "string" ? JSON.stringify(input) : String(JSON.stringify(input))

const refuse = (expects: string, input: unknown): { readonly problem: string } => ({
  problem: `takes ${expects}, not ${quote(input)}`
})

/** Text that is not empty. */
export const text = (expects: string): Kind<string> => ({
  expects,
  parse: (input) => typeof input === "string" && input.trim() !== "" ? { value: input.trim() } : refuse(expects, input),
  show: (value) => value
})

/** One of some words. */
export const choice = <const Words extends ReadonlyArray<string>>(...words: Words): Kind<Words[number]> => {
  const expects = `one of ${words.join(", ")}`
  return {
    expects,
    // YAML reads a bare `none` as text, `null` and `~` as null: only the former is meant.
    parse: (input) =>
      typeof input === "string" && words.includes(input.trim())
        ? { value: input.trim() as Words[number] }
        : refuse(expects, input),
    show: (value) => value
  }
}

/** Yes or no. */
export const flag: Kind<boolean> = {
  expects: "true or false",
  parse: (input) => {
    if (typeof input === "boolean") return { value: input }
    const word = typeof input === "string" ? input.trim() : ""
    return word === "true" || word === "false" ? { value: word === "true" } : refuse("true or false", input)
  },
  show: String
}

/** A whole number from `least` to `most`. */
export const count = (least: number, most: number, what = "a whole number"): Kind<number> => {
  const expects = `${what} from ${least} to ${most}`
  return {
    expects,
    parse: (input) => {
      const value = typeof input === "string" && /^\s*\d{1,15}\s*$/.test(input) ? Number(input) : input
      return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
        ? { value }
        : refuse(expects, input)
    },
    show: String
  }
}

/** A TCP port; 0 lets the system choose a free one. */
export const port: Kind<number> = count(0, 65_535, "a port")

/** Turns text with a unit into a number, by the factor of each unit. */
const withUnit = (
  expects: string,
  factors: Readonly<Record<string, number>>,
  least: number,
  most: number,
  show: (value: number) => string
): Kind<number> => {
  const range = `${expects}, from ${show(least)} to ${show(most)}`
  return {
    expects: range,
    parse: (input) => {
      const match = typeof input === "string" ? /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]+)\s*$/.exec(input) : null
      const factor = match === null ? undefined : factors[match[2].toLowerCase()]
      if (match === null || factor === undefined) return refuse(range, input)
      const value = Math.round(Number(match[1]) * factor)
      return Number.isSafeInteger(value) && value >= least && value <= most ? { value } : refuse(range, input)
    },
    show
  }
}

const sizeFactors = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4
} as const

const durationFactors = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The largest unit in which a value is a whole number. */
const showIn = (units: ReadonlyArray<readonly [name: string, factor: number]>) => (value: number): string => {
  for (const [name, factor] of units) {
    if (value >= factor && value % factor === 0) return `${value / factor}${name}`
  }
  return `${value}${units[units.length - 1][0]}`
}

/** Writes bytes as one would configure them: `64MB`. */
export const showSize: (bytes: number) => string = showIn([
  ["TB", 1e12],
  ["TiB", 1024 ** 4],
  ["GB", 1e9],
  ["GiB", 1024 ** 3],
  ["MB", 1e6],
  ["MiB", 1024 ** 2],
  ["kB", 1e3],
  ["KiB", 1024],
  ["B", 1]
])

/** Writes milliseconds as one would configure them: `5s`. */
export const showDuration: (millis: number) => string = showIn([
  ["d", durationFactors.d],
  ["h", durationFactors.h],
  ["m", durationFactors.m],
  ["s", durationFactors.s],
  ["ms", 1]
])

/** Bytes, written with a unit: kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of 1024. */
export const size = (least: number, most: number): Kind<number> =>
  withUnit("a size like 64MB or 512MiB", sizeFactors, least, most, showSize)

/** Milliseconds, written with a unit: ms, s, m, h or d. */
export const duration = (least: number, most: number): Kind<number> =>
  withUnit("a duration like 5s or 200ms", durationFactors, least, most, showDuration)

/** How much of a table's past is kept. */
export type HistoryKeep =
  | { readonly keep: "all" }
  | { readonly keep: "latest" }
  | { readonly keep: "duration"; readonly micros: number }

const historyDuration = duration(1, 100 * 365 * durationFactors.d)

/** `all`, `latest`, or a duration. */
export const history: Kind<HistoryKeep> = {
  expects: `all, latest or ${historyDuration.expects}`,
  parse: (input) => {
    if (input === "all" || input === "latest") return { value: { keep: input } }
    const parsed = historyDuration.parse(input)
    return "value" in parsed
      ? { value: { keep: "duration", micros: parsed.value * 1000 } }
      : refuse(history.expects, input)
  },
  show: (value) => value.keep === "duration" ? showDuration(value.micros / 1000) : value.keep
}
