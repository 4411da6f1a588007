/** What may be chosen for a table, and the events that choose it. */
import type { CatalogState } from "../catalog/state.ts"
import type { TableConfigured, TableSettings } from "../event/Event.ts"
import { type Refusal, refuse } from "../mvcc/intent.ts"
import { isNested } from "../schema/types.ts"
import type { SettingsChange } from "./Administration.ts"
import { quote } from "./requests.ts"

/** Rows expire not more often than each minute: a shorter life would say more than is done. */
const ttlMicrosMin = 60_000_000

/** A shorter window would be a file for each flush. */
const windowMicrosMin = 60_000_000

/** Names the table to change. */
interface Target {
  readonly tenant: string
  readonly table: string
}

/** What is wrong with a number of microseconds; `undefined` where nothing is. */
const durationProblem = (field: string, micros: number, least: number, what: string): Refusal | undefined =>
  Number.isSafeInteger(micros) && micros >= least ? undefined : refuse(
    "VALUE_OUT_OF_RANGE",
    field,
    micros < least
      ? `is ${micros / 1e6} s; ${what}`
      : "is more than 285 years; leave it out to keep everything for ever"
  )

/** What is wrong with a change; `undefined` where nothing is. */
export const changeProblem = ({ compaction, history, ttlMicros }: SettingsChange): Refusal | undefined => {
  if (history?.keep === "duration") {
    const problem = durationProblem(
      "history.duration",
      history.micros,
      1,
      "history is kept for some time, or not at all: latest"
    )
    if (problem !== undefined) return problem
  }
  if (ttlMicros !== undefined && ttlMicros !== null) {
    const problem = durationProblem(
      "ttl",
      ttlMicros,
      ttlMicrosMin,
      "records live a minute at least, or for ever: never"
    )
    if (problem !== undefined) return problem
  }
  return compaction?.strategy === "time-window"
    ? durationProblem("compaction.time_window", compaction.windowMicros, windowMicrosMin, "a minute is the least")
    : undefined
}

/** Settings with a change made to them. */
export const changed = (settings: TableSettings, change: SettingsChange): TableSettings => ({
  ...settings,
  ...change.history === undefined ? {} : { history: change.history },
  ...change.ttlMicros === undefined ? {} : { ttlMicros: change.ttlMicros },
  ...change.compaction === undefined ? {} : { compaction: change.compaction }
})

/** The event that changes a table's settings; `undefined` where they are so already. */
const propose = (
  catalog: CatalogState,
  { table, tenant }: Target,
  change: (table: NonNullable<ReturnType<typeof find>>) => TableSettings | Refusal
): TableConfigured | Refusal | undefined => {
  const found = find(catalog, tenant, table)
  if (found === undefined)
    return refuse("TABLE_NOT_FOUND", "table", `tenant ${quote(tenant)} has no table ${quote(table)}`)
  const settings = change(found)
  if ("kind" in settings) return settings
  return JSON.stringify(settings) === JSON.stringify(found.settings)
    ? undefined
    : { kind: "TableConfigured", tableId: found.id, settings }
}

const find = (catalog: CatalogState, tenant: string, table: string) => catalog.tenants.get(tenant)?.tables.get(table)

/** The event of `configureTable`. */
export const proposeSettings = (catalog: CatalogState, target: Target, change: SettingsChange) =>
  propose(catalog, target, ({ settings }) => changed(settings, change))

/** The event of `createIndex`. */
export const proposeIndex = (catalog: CatalogState, target: Target, name: string, columnName: string) =>
  propose(catalog, target, ({ segments, settings, versions }) => {
    if (settings.indexes.some((index) => index.name === name)) {
      return refuse("INDEX_EXISTS", "name", `table ${quote(target.table)} has an index ${quote(name)} already`)
    }
    const column = versions[versions.length - 1].schema.columns.find((each) => each.name === columnName)
    if (column === undefined) {
      return refuse("COLUMN_NOT_FOUND", "column", `table ${quote(target.table)} has no column ${quote(columnName)}`)
    }
    if (isNested(column.type)) {
      return refuse("NOT_SUPPORTED", "column", `${quote(columnName)} is nested, and only whole values are indexed`)
    }
    const same = settings.indexes.find((index) => index.columnId === column.id)
    if (same !== undefined) {
      return refuse("INDEX_EXISTS", "column", `index ${quote(same.name)} is of column ${quote(columnName)} already`)
    }
    // Files of an index of this name that was dropped may still be there.
    const before = segments.flatMap(({ indexes }) => indexes.filter(({ index }) => index === name))
    const version = before.reduce((newest, file) => Math.max(newest, file.version), 0) + 1
    return { ...settings, indexes: [...settings.indexes, { name, columnId: column.id, version }] }
  })

/** A change of the index of a name, which must be there. */
const proposeChange = (
  catalog: CatalogState,
  target: Target,
  name: string,
  change: (index: TableSettings["indexes"][number]) => TableSettings["indexes"]
) =>
  propose(catalog, target, ({ settings }) =>
    settings.indexes.some((index) => index.name === name)
      ? { ...settings, indexes: settings.indexes.flatMap((index) => index.name === name ? change(index) : [index]) }
      : refuse("INDEX_NOT_FOUND", "name", `table ${quote(target.table)} has no index ${quote(name)}`))

/** The event of `dropIndex`. */
export const proposeDrop = (catalog: CatalogState, target: Target, name: string) =>
  proposeChange(catalog, target, name, () => [])

/** The event of `rebuildIndex`: from here on files of the version before are not used. */
export const proposeRebuild = (catalog: CatalogState, target: Target, name: string) =>
  proposeChange(catalog, target, name, (index) => [{ ...index, version: index.version + 1 }])
