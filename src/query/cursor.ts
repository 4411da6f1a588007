/**
 * Cursors: where a page ended, as opaque text. A cursor holds the snapshot's position, the last row's place in the order
 * and a hash of what was asked, so that it cannot be used with another filter, order, table or tenant. Pages cannot
 * skip or repeat rows, whatever is written meanwhile: they are all of one snapshot, and begin behind a row, not at a
 * number of rows.
 *
 * The text is base64url of JSON: {"v": 1, "p": position, "h": hash, "l": [values of the order's columns]}.
 */
import { createHash } from "node:crypto"
import * as Position from "../base/position.ts"
import type { Column } from "../schema/types.ts"
import { comparableOf } from "./literals.ts"
import type { OrderColumn } from "./order/orderTerm.ts"
import { refuse } from "./refuse.ts"
import { bytesAt, type ReadVector } from "./scan/readVector.ts"

const cursorVersion = 1

/** Where the page before ended. */
export interface Cursor {
  readonly position: Position.Position
  readonly hash: string
  /** The last row's values, as JSON: numbers, decimal strings beyond 2^53, base64 of text. */
  readonly last: ReadonlyArray<unknown>
}

/** A hash of what was asked. */
export const shapeHash = (shape: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(shape, (_, value: unknown) => {
      if (typeof value === "bigint") return { bigint: String(value) }
      return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : value
    }))
    .digest("base64url")
    .slice(0, 16)

/** The cursor as text. */
export const writeCursor = ({ hash, last, position }: Cursor): string =>
  Buffer.from(JSON.stringify({ v: cursorVersion, p: position, h: hash, l: last })).toString("base64url")

const refused = (): never =>
  refuse("INVALID_CURSOR", "cursor", "is not one that this server gave; begin again without it")

/** The cursor of a text. Refuses with INVALID_CURSOR what is none, or names a position that is not there yet. */
export const readCursor = (text: string, newest: Position.Position): Cursor => {
  let parsed: { v?: unknown; p?: unknown; h?: unknown; l?: unknown } | null
  try {
    parsed = JSON.parse(Buffer.from(text, "base64url").toString()) as typeof parsed
  } catch {
    return refused()
  }
  if (typeof parsed !== "object" || parsed === null || parsed.v !== cursorVersion) return refused()
  const { h, l, p } = parsed
  if (typeof p !== "number" || !Number.isSafeInteger(p) || p < 0 || p > newest) return refused()
  return typeof h === "string" && Array.isArray(l)
    ? { position: Position.make(p), hash: h, last: l as Array<unknown> }
    : refused()
}

/** Refuses a cursor that another request was answered with. */
export const checkCursor = (cursor: Cursor, hash: string, lastLength: number): void => {
  if (cursor.hash !== hash) {
    refuse(
      "INVALID_CURSOR",
      "cursor",
      "belongs to another request; table, filter, order and as_of must be those of the first page"
    )
  }
  if (cursor.last.length !== lastLength) refused()
}

/** A row's values of the order's columns, for a cursor. */
export const placeOf = (
  columns: ReadonlyArray<OrderColumn>,
  vectorOf: (column: Column) => ReadVector,
  row: number
): ReadonlyArray<unknown> =>
  columns.map(({ column }) => {
    const vector = vectorOf(column)
    if (vector.nulls !== undefined && vector.nulls[row] === 1) return null
    if (vector.kind !== "number") return Buffer.from(bytesAt(vector, row)).toString("base64")
    const value = vector.wide === undefined ? vector.values[row] : vector.wide[row]
    return typeof value === "bigint" ? String(value) : value
  })

/** The place that a cursor holds, as the vectors of a source of one row. Refuses values that are not the columns'. */
export const placeVectors = (
  columns: ReadonlyArray<OrderColumn>,
  last: ReadonlyArray<unknown>
): ReadonlyMap<Column, ReadVector> =>
  new Map(columns.map(({ column }, i) => [column, placeVector(comparableOf(column) === "text", last[i])]))

const placeVector = (isText: boolean, value: unknown): ReadVector => {
  const nulls = value === null ? Uint8Array.of(1) : undefined
  if (isText) {
    const heap = typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : new Uint8Array(0)
    if (typeof value === "string" || value === null) {
      return { kind: "text", heap, offsets: Uint32Array.of(0, heap.length), nulls }
    }
  } else if (typeof value === "number" || value === null) {
    return { kind: "number", values: Float64Array.of(value ?? 0), wide: undefined, nulls }
  } else if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) {
    const exact = BigInt(value)
    return { kind: "number", values: Float64Array.of(Number(exact)), wide: [exact], nulls }
  }
  return refused()
}
