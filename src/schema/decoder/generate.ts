/**
 * Generates the source of a table's Struct decoder: a plain function that walks the wire bytes of one
 * `google.protobuf.Struct` and writes its values into column arrays, with no object, string or call for a common value.
 *
 * What makes it fast:
 * - The names and tags that it expects are 32-bit constants in the code.
 * - It expects a record's fields in the order of the record before, which is the same for nearly every client; a miss
 *   costs a look-up by name.
 * - Values in their common form are written inline. Everything else, valid or not, goes to `other`, which is ordinary
 *   code and knows every form and every message.
 *
 * The names inside: `a3` are the values of column 3, `n3` its nulls, `o3` its offsets, `h3` its heap and `v3` the vector.
 */
import { encodeUtf8 } from "../../base/bytes.ts"
import { vectorKind } from "../types.ts"
import type { Column } from "../types.ts"

/** The source of the body of a function `(vectors, runtime) => { rebind, struct }`. */
export const generateStructDecoder = (columns: ReadonlyArray<Column>): string => {
  const masks = Math.ceil(columns.length / 31)
  const maskNames = Array.from({ length: masks }, (_, mask) => `seen${mask}`)
  return `"use strict"
const { other, absent, lookUp, malformed, readEntry, timestampInBytes, order } = runtime
${columns.map((column, i) => declare(column, i)).join("\n")}
function rebind() {
${columns.map((column, i) => rebind(column, i)).join("\n")}
}
rebind()
function struct(bytes, view, start, end, row) {
  let ${maskNames.map((name) => `${name} = 0`).join(", ")}
  let p = start
  for (let k = 0; p < end; k++) {
    switch (order[k]) {
${columns.map(predicted).join("\n")}
    }
    const next = readEntry(bytes, p, end)
    if (next < 0) return malformed(row)
    const column = lookUp(bytes)
    if (column === -1) return false
    if (column < 0) { p = next; continue }
    order[k] = column
    if (!other(column, bytes, view, runtime.valueStart, runtime.valueEnd, row)) return false
    rebind()
    switch (column) {
${columns.map((_, i) => `      case ${i}: ${markSeen(i)}; break`).join("\n")}
    }
    p = next
  }
  if (${maskNames.map((name, mask) => `${name} === ${fullMask(columns.length, mask)}`).join(" && ")}) return true
${
    columns.map((_, i) =>
      `  if ((${maskNames[Math.floor(i / 31)]} & ${1 << (i % 31)}) === 0 && !absent(${i}, row)) return false`
    ).join("\n")
  }
  rebind()
  return true
}
return { rebind, struct }
`
}

const fullMask = (columns: number, mask: number): number => 2 ** Math.min(31, columns - mask * 31) - 1

const markSeen = (i: number): string => `seen${Math.floor(i / 31)} |= ${1 << (i % 31)}`

const declare = (column: Column, i: number): string =>
  vectorKind(column.type) === "text"
    ? `const v${i} = vectors[${i}]; let o${i}, h${i}, n${i}`
    : `const v${i} = vectors[${i}]; let a${i}, n${i}`

const rebind = (column: Column, i: number): string =>
  vectorKind(column.type) === "text"
    ? `  o${i} = v${i}.offsets; h${i} = v${i}.heap; n${i} = v${i}.nulls`
    : `  a${i} = v${i}.values; n${i} = v${i}.nulls`

/** The case for one column: taken when its entry, in its common encoding, begins at p. */
const predicted = (column: Column, i: number): string => {
  const name = encodeUtf8(column.name)
  const length = name.length
  if (length > 100) return ""
  // Entry: 0x0a, its length, 0x0a, the name's length, the name, 0x12, the value's length, the value. All lengths are
  // below 128 here, so they take one byte each.
  const head = 6 + length
  return `      case ${i}:
        if (p + ${head + 2} <= end && bytes[p] === 10 && view.getUint16(p + 2, true) === ${10 | (length << 8)}${
    compareName(name)
  } && bytes[p + ${4 + length}] === 18) {
          const q = p + ${head}
          const e = q + bytes[p + ${5 + length}]
          if (e === p + 2 + bytes[p + 1] && e <= end && bytes[p + 1] < 128) {
            ${common(column, i)}
            if (!other(${i}, bytes, view, q, e, row)) return false
            rebind()
            ${markSeen(i)}
            p = e
            continue
          }
        }
        break`
}

const compareName = (name: Uint8Array): string => {
  const view = new DataView(name.buffer, name.byteOffset, name.length)
  let code = ""
  let at = 0
  for (; at + 4 <= name.length; at += 4) code += ` && view.getInt32(p + ${4 + at}, true) === ${view.getInt32(at, true)}`
  for (; at < name.length; at++) code += ` && bytes[p + ${4 + at}] === ${name[at]}`
  return code
}

/** Code that stores a value in its common form and continues; falls through where the form is another. */
const common = (column: Column, i: number): string => {
  // Columns that are not nullable hold nulls too: in rows that delete their key.
  const done = `n${i}[row] = 0; ${markSeen(i)}; p = e; continue`
  const number = (test: string, value: string): string =>
    `if (e - q === 9 && bytes[q] === 17) {
              const x = view.getFloat64(q + 1, true)
              if (${test}) { a${i}[row] = ${value}; ${done} }
            }`
  switch (column.type) {
    case "bool":
      return `if (e - q === 2 && bytes[q] === 32 && bytes[q + 1] < 2) { a${i}[row] = bytes[q + 1]; ${done} }`
    case "int32":
      return number("(x | 0) === x", "x")
    case "int64":
      return number(`Number.isSafeInteger(x) && v${i}.wide === undefined`, "x + 0")
    case "float64":
      return number("x - x === 0", "x")
    case "float32":
      return number("x <= 3.4028234663852886e38 && x >= -3.4028234663852886e38", "x")
    case "timestamp":
      return `if (bytes[q] === 26 && q + 2 + bytes[q + 1] === e && v${i}.wide === undefined) {
              const x = timestampInBytes(bytes, q + 2, e)
              if (x === x) { a${i}[row] = x; ${done} }
            }`
    case "string":
      // A string that starts with a continuation byte is not UTF-8 by itself, though the heap as a whole may be.
      return `if (bytes[q] === 26 && q + 2 + bytes[q + 1] === e && (bytes[q + 2] & 192) !== 128) {
              const o = o${i}[row], n = e - q - 2
              if (o + n <= h${i}.length) {
                if (n < 48) for (let j = 0; j < n; j++) h${i}[o + j] = bytes[q + 2 + j]
                else h${i}.set(bytes.subarray(q + 2, e), o)
                o${i}[row + 1] = o + n
                ${done}
              }
            }`
    default:
      return ""
  }
}
