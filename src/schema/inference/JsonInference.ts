/** Infers columns from JSON records: each value seen narrows what a column can be. */
import { columnNameProblem } from "../../base/names.ts"
import { parseTimestamp } from "../timestamp.ts"
import type { ColumnType } from "../types.ts"
import type { InferredColumn } from "./inferred.ts"

/** Nesting beyond this depth is kept as json. */
const depthMax = 8

/** Objects with more names than this are maps where most objects have few of them. */
const structPartsMax = 32

/** What was seen at one place of the records. */
class Seen {
  nulls = 0
  bools = 0
  integers = 0
  floats = 0
  timestamps = 0
  texts = 0
  arrays = 0
  objects = 0
  /** Names in all objects together. */
  names = 0
  items: Seen | undefined
  readonly parts = new Map<string, Seen>()
  private readonly depth: number

  constructor(depth: number) {
    this.depth = depth
  }

  add(value: unknown): void {
    if (value === null || value === undefined) this.nulls++
    else if (typeof value === "boolean") this.bools++
    else if (typeof value === "number") {
      if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) this.integers++
      else this.floats++
    } else if (typeof value === "string") {
      if (parseTimestamp(value) === undefined) this.texts++
      else this.timestamps++
    } else if (Array.isArray(value)) {
      this.arrays++
      if (this.depth >= depthMax) return
      this.items ??= new Seen(this.depth + 1)
      for (const item of value) this.items.add(item)
    } else this.addObject(value)
  }

  /** Adds the names and values of an object. */
  addObject(value: object): void {
    this.objects++
    if (this.depth >= depthMax) return
    for (const [name, part] of Object.entries(value)) {
      let seen = this.parts.get(name)
      if (seen === undefined) this.parts.set(name, seen = new Seen(this.depth + 1))
      seen.add(part)
      this.names++
    }
  }

  /** Values that were not null. */
  get values(): number {
    return this.bools + this.integers + this.floats + this.timestamps + this.texts + this.arrays + this.objects
  }

  /** The narrowest type of all values; json where they have nothing in common, or were all null. */
  get type(): ColumnType {
    switch (this.values) {
      case 0:
        return "json"
      case this.bools:
        return "bool"
      case this.integers:
        return "int64"
      case this.integers + this.floats:
        return "float64"
      case this.timestamps:
        return "timestamp"
      case this.timestamps + this.texts:
        return "string"
      case this.arrays:
        return this.arrayType
      case this.objects:
        return this.objectType
      default:
        return "json"
    }
  }

  /** Lists hold no nulls, so those that do are json. */
  private get arrayType(): ColumnType {
    const { items } = this
    if (items === undefined || items.nulls > 0 || items.values === 0) return "json"
    const { type } = items
    return type === "json" ? "json" : { array: type }
  }

  private get objectType(): ColumnType {
    if (this.parts.size === 0) return "json"
    if (this.parts.size > structPartsMax && this.names < (this.objects * this.parts.size) / 2) return this.mapType
    for (const name of this.parts.keys()) if (columnNameProblem(name) !== undefined) return this.mapType
    return {
      struct: this.columns.map(({ name, nullable, type }, i) => ({
        name,
        type,
        nullable,
        default: undefined,
        id: i + 1
      }))
    }
  }

  private get mapType(): ColumnType {
    const [first, ...others] = [...this.parts.values()]
    if (first.nulls > 0 || others.some((other) => other.nulls > 0)) return "json"
    const wanted = JSON.stringify(first.type)
    return first.type !== "json" && others.every(({ type }) => JSON.stringify(type) === wanted)
      ? { map: first.type }
      : "json"
  }

  /** The object's names in the order in which they were first seen. */
  get columns(): ReadonlyArray<InferredColumn> {
    return [...this.parts].map(([name, seen]) => ({
      name,
      type: seen.type,
      nullable: seen.nulls > 0 || seen.values < this.objects
    }))
  }
}

/**
 * Infers the columns of JSON records. Whole numbers become int64, RFC 3339 texts timestamps; what is null or absent
 * anywhere is nullable; what has no one type is json.
 */
export class JsonInference {
  private readonly seen = new Seen(0)

  /** Records that were added. */
  get count(): number {
    return this.seen.objects
  }

  add(record: object): void {
    this.seen.addObject(record)
  }

  get columns(): ReadonlyArray<InferredColumn> {
    return this.seen.columns
  }
}
