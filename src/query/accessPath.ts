/** How the rows of a filter are reached: by their keys where the filter pins them, else by a scan. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { encodeUtf8 } from "../base/bytes.ts"
import type { MvccService } from "../mvcc/Mvcc.ts"
import { type CheckedFilter, columnsOf } from "./checkFilter.ts"
import { keyColumn } from "./columns.ts"
import { lookedUp } from "./lookUp.ts"
import { openSources, scanned, type Sources } from "./openSources.ts"
import type { QueryError } from "./Query.ts"
import { type PartShape, wholeRowGroups } from "./scan/PageRuns.ts"
import type { Candidate } from "./scan/Source.ts"
import type { TableView } from "./tableView.ts"

/** A way to the rows: keys to look up, or everything. */
export type AccessPath =
  | { readonly kind: "lookup"; readonly keys: ReadonlyArray<Uint8Array> }
  | { readonly kind: "scan" }

/**
 * Chooses. Only conjuncts can pin: within an `or`, other rows may pass as well. `keyName` is the table's key column,
 * whose value, as text, is the key of every row.
 */
export const choosePath = (filter: CheckedFilter, keyName: string | undefined): AccessPath => {
  const conjuncts = filter.kind === "and" ? filter.filters : [filter]
  let pinned: ReadonlyArray<Uint8Array> | undefined
  for (const part of conjuncts) {
    const keys = pinnedKeys(part, keyName)
    if (keys !== undefined && (pinned === undefined || keys.length < pinned.length)) pinned = keys
  }
  return pinned === undefined ? { kind: "scan" } : { kind: "lookup", keys: pinned }
}

const pinnedKeys = (part: CheckedFilter, keyName: string | undefined): ReadonlyArray<Uint8Array> | undefined => {
  if (part.kind === "and" || part.kind === "or") return undefined
  if (part.column !== keyColumn && part.column.name !== keyName) return undefined
  switch (part.kind) {
    case "text":
      return part.order === "eq" ? [part.value] : undefined
    case "number":
      return part.order === "eq" ? [encodeUtf8(String(part.value))] : undefined
    case "texts":
      return part.negated ? undefined : part.values
    case "numbers":
      return part.negated ? undefined : part.values.map((value) => encodeUtf8(String(value)))
    default:
      return undefined
  }
}

/** Opens the rows that a path leads to. The whole filter is applied by either. */
export const openPath = (
  mvcc: MvccService,
  { filter, path, view }: { readonly view: TableView; readonly path: AccessPath; readonly filter: CheckedFilter },
  shape: PartShape = wholeRowGroups
): Effect.Effect<Sources, QueryError, Scope.Scope> => openSources(mvcc, view, { purpose: path.kind, filter, shape })

/** What a read of the path visits. */
export const visited = (
  path: AccessPath,
  sources: Sources
): Effect.Effect<ReadonlyArray<Candidate>, QueryError> =>
  path.kind === "scan" ? Effect.sync(() => scanned(sources)) : lookedUp(sources, path.keys)

/** Names of the columns that a filter reads. */
export const namesOf = (filter: CheckedFilter): ReadonlyArray<string> => columnsOf(filter).map(({ name }) => name)
