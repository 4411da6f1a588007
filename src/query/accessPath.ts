/** How the rows of a filter are reached: by their keys where the filter pins them, else by a scan. */
import { type CheckedFilter, columnsOf } from "./checkFilter.ts"
import { keyColumn } from "./columns.ts"
import { LookupFeed, type RowFeed, ScanFeed } from "./scan/RowFeed.ts"
import type { ScanSource } from "./scan/ScanSource.ts"

export type AccessPath =
  | { readonly kind: "lookup"; readonly keys: ReadonlyArray<Uint8Array> }
  | { readonly kind: "scan" }

/** Chooses. Only conjuncts can pin: within an `or`, other rows may pass as well. */
export const choosePath = (filter: CheckedFilter): AccessPath => {
  const conjuncts = filter.kind === "and" ? filter.filters : [filter]
  let pinned: ReadonlyArray<Uint8Array> | undefined
  for (const part of conjuncts) {
    const keys = pinnedKeys(part)
    if (keys !== undefined && (pinned === undefined || keys.length < pinned.length)) pinned = keys
  }
  return pinned === undefined ? { kind: "scan" } : { kind: "lookup", keys: pinned }
}

const pinnedKeys = (part: CheckedFilter): ReadonlyArray<Uint8Array> | undefined => {
  if (part.kind === "text" && part.column === keyColumn && part.order === "eq") return [part.value]
  if (part.kind === "texts" && part.column === keyColumn && !part.negated) return part.values
  return undefined
}

/** The rows by that path. The whole filter is applied either way. */
export const openFeed = (
  path: AccessPath,
  sources: ReadonlyArray<ScanSource>,
  filter: CheckedFilter
): RowFeed => path.kind === "scan" ? new ScanFeed(sources, filter) : new LookupFeed(sources, filter, path.keys)

/** Names of the columns that a filter reads. */
export const namesOf = (filter: CheckedFilter): ReadonlyArray<string> => columnsOf(filter).map(({ name }) => name)
