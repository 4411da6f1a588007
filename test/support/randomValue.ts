/** Random values for a type, in the form that a Struct carries, and in the form that a typed row carries. */
import type { ColumnType, Json } from "../../src/schema/types.ts"
import type { Dice } from "./dice.ts"
import { type Kind, noKind, type WireValue } from "./wireRecord.ts"

const int64Max = 2n ** 63n - 1n

const pad = (value: number, digits: number): string => String(value).padStart(digits, "0")

/** RFC 3339 text in one of its many forms; now and then of a day or an hour that does not exist. */
export const timestampText = (dice: Dice, isValid: boolean): string => {
  const year = dice.pick([1, 4, 100, 1600, 1699, 1700, 1900, 1969, 1970, 2000, 2023, 2024, 2100, 2200, 2201, 9999])
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const month = dice.between(1, 12)
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  const day = dice.chance(0.3) ? days : dice.between(1, days)
  if (!isValid && dice.chance(0.3)) return `${pad(year, 4)}-${pad(month, 2)}-${pad(days + 1, 2)}T00:00:00Z`
  if (!isValid && dice.chance(0.5)) {
    return dice.pick([
      "2024-01-01T24:00:00Z",
      "2024-01-01T23:60:00Z",
      "2024-01-01T23:59:60Z",
      "2024-01-01T00:00:00.Z",
      "2024-01-01T00:00Z",
      "2024-13-01T00:00:00Z",
      "2024-00-01T00:00:00Z",
      "2024-01-00T00:00:00Z",
      "0000-01-01T00:00:00Z",
      "10000-01-01T00:00:00Z",
      "2024-01-01T00:00:00+24:00",
      "2024-01-01T00:00:00+01:60",
      "0001-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
      " 2024-01-01T00:00:00Z",
      "2024-01-01T00:00:00Z ",
      "2024-01-01T00:00:00.1234567890Z",
      "tomorrow",
      ""
    ])
  }
  const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
  if (dice.chance(0.1)) return date
  const time = `${pad(dice.below(24), 2)}:${pad(dice.below(60), 2)}:${pad(dice.below(60), 2)}`
  const fraction = dice.chance(0.5) ? `.${pad(dice.below(1_000_000_000), 9).slice(0, dice.between(1, 9))}` : ""
  // At the ends of the calendar an offset leads out of it.
  const offset = dice.chance(0.5) || (isValid && (year === 1 || year === 9999))
    ? "Z"
    : dice.pick(["z", "", "+00:00", "-00:00", "+14:00", "-12:30", "+23:59", "-23:59"])
  return `${date}${dice.pick(["T", "T", "T", "t", " "])}${time}${fraction}${offset}`
}

/** Any JSON value, nested up to `depth` levels. */
export const randomJson = (dice: Dice, depth: number): Json => {
  const kind = dice.below(depth === 0 ? 4 : 6)
  if (kind === 0) return null
  if (kind === 1) return dice.chance(0.5)
  if (kind === 2) return dice.pick([0, 1, -1.5, 1e300, 2 ** 53])
  if (kind === 3) return dice.text(dice.below(12))
  if (kind === 4) return dice.times(dice.below(4), () => randomJson(dice, depth - 1))
  return Object.fromEntries(dice.times(dice.below(4), () => [jsonName(dice), randomJson(dice, depth - 1)] as const))
}

const jsonName = (dice: Dice): string => dice.pick(["a", "b", "7", "__proto__", "é", "\ufeff", dice.text(3)])

const randomText = (dice: Dice): string => {
  const kind = dice.below(20)
  if (kind === 0) return ""
  if (kind === 1) return "\ufeff" + dice.text(3)
  if (kind === 2) return dice.text(dice.between(120, 140))
  if (kind === 3) return dice.text(dice.between(40, 60))
  if (kind === 4) return "x".repeat(dice.between(120, 135))
  if (kind === 5 && dice.chance(0.2)) return dice.text(9) + "長".repeat(dice.between(21_000, 30_000))
  return dice.text(dice.below(30))
}

const randomDouble = (dice: Dice): number => {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigInt64(0, dice.int64())
  const value = view.getFloat64(0)
  return Number.isFinite(value) ? value : 0.1
}

/** A value that a column of the type takes, nested values included. Never null. */
export const validValue = (dice: Dice, type: ColumnType): Json => {
  if (typeof type !== "string") {
    if ("array" in type) return dice.times(dice.below(4), () => validValue(dice, type.array))
    if ("map" in type) {
      return Object.fromEntries(dice.times(dice.below(4), () => [jsonName(dice), validValue(dice, type.map)] as const))
    }
    const parts: Array<readonly [string, Json]> = []
    for (const part of type.struct) {
      const mayBeLeftOut = part.nullable === true || part.default !== undefined
      if (mayBeLeftOut && dice.chance(0.3)) continue
      parts.push([part.name, part.nullable === true && dice.chance(0.2) ? null : validValue(dice, part.type)])
    }
    return Object.fromEntries(dice.shuffle(parts))
  }
  switch (type) {
    case "bool":
      return dice.chance(0.5)
    case "int32":
      return dice.chance(0.3) ? dice.pick([0, -0, 2 ** 31 - 1, -(2 ** 31)]) : dice.below(2000) - 1000
    case "int64":
      if (dice.chance(0.6)) return dice.below(2 ** 40) - 2 ** 39
      if (dice.chance(0.3)) return dice.pick([0, -0, 2 ** 53 - 1, -(2 ** 53 - 1)])
      return dice.chance(0.5)
        ? String(dice.int64())
        : dice.pick([String(int64Max), String(-int64Max - 1n), String(2n ** 53n), "-0", "007", "12"])
    case "float32":
      return dice.chance(0.5)
        ? Math.fround(dice.below(1000) / 7)
        : dice.pick([0, -0, 3.4028234663852886e38, 1e-45, 0.1])
    case "float64":
      return dice.chance(0.5) ? randomDouble(dice) : dice.pick([0, -0, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53 + 2])
    case "string":
      return randomText(dice)
    case "bytes": {
      const text = Buffer.from(dice.bytes(dice.pick([0, 1, 2, 3, 10, 100, 200]))).toString("base64")
      return dice.chance(0.2) ? text.replace(/=+$/, "") : text
    }
    case "timestamp":
      return dice.chance(0.1) ? dice.below(2 ** 40) - 2 ** 39 : timestampText(dice, true)
    case "json": {
      const value = randomJson(dice, 3)
      return value === null ? {} : value
    }
  }
}

/** A value that most types refuse. */
export const strangeValue = (dice: Dice, type: ColumnType): WireValue =>
  dice.pick<WireValue>([
    null,
    noKind,
    true,
    "text",
    "",
    1.5,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 53,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    String(int64Max + 1n),
    "-9223372036854775809",
    "1e3",
    " 1",
    "====",
    "A",
    [],
    {},
    [null],
    [[Number.NaN]],
    { a: { b: Number.NEGATIVE_INFINITY } },
    { a: null },
    { "no such part": 1 },
    type === "timestamp" ? timestampText(dice, false) : "x"
  ])

/** A typed value that the type takes. */
export const validKind = (dice: Dice, type: ColumnType): Exclude<Kind, undefined> => {
  switch (type) {
    case "bool":
      return { case: "boolValue", value: dice.chance(0.5) }
    case "int32":
      return { case: "intValue", value: BigInt(dice.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), dice.below(1000)])) }
    case "int64":
      return { case: "intValue", value: dice.chance(0.5) ? BigInt(dice.below(2 ** 40)) : dice.int64() }
    case "float32":
    case "float64":
      return { case: "doubleValue", value: validValue(dice, type) as number }
    case "string":
      return { case: "stringValue", value: randomText(dice) }
    case "bytes":
      return { case: "bytesValue", value: dice.bytes(dice.pick([0, 1, 100, 127, 128, 129, 1000])) }
    case "timestamp":
      return {
        case: "timestampValue",
        value: {
          $typeName: "google.protobuf.Timestamp",
          seconds: dice.chance(0.6)
            ? BigInt(dice.below(2 ** 33)) - 2n ** 32n
            : dice.pick([-62_135_596_800n, 253_402_300_799n, -1n, 0n, -9_007_199_254n, 9_007_199_255n]),
          nanos: dice.pick([0, 1, 999, 1000, 999_999_999, dice.below(1_000_000_000)])
        }
      }
    default:
      return { case: "jsonValue", value: validValue(dice, type) }
  }
}
