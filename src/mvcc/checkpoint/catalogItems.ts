/**
 * The catalog in a checkpoint: a line of JSON for each tenant, each table and each segment, in the order in which they
 * came to be. On disk: do not change; a new layout is a new version of the checkpoint.
 */
import * as Schema from "effect/Schema"
import { FormatError } from "../../base/byteCursor.ts"
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts"
import * as Position from "../../base/position.ts"
import { type CatalogState, schemaVersionOf, type Table, type Tenant } from "../../catalog/state.ts"
import type { SegmentEntry } from "../../event/Event.ts"
import { Segment, TableSettings } from "../../event/v1/tables.ts"
import { type Section, sectionKinds } from "./format.ts"

const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const TenantItem = Schema.Struct({
  item: Schema.Literal("tenant"),
  id: Schema.String,
  name: Schema.String,
  createdAt: Whole
})

/** Follows its tenant. */
const TableItem = Schema.Struct({
  item: Schema.Literal("table"),
  id: Whole,
  tenant: Schema.String,
  name: Schema.String,
  /** Version v is at v - 1. */
  versions: Schema.Array(Schema.Struct({ definition: Schema.String, position: Whole, registeredAt: Whole })),
  settings: TableSettings,
  flushedThrough: Whole,
  horizon: Whole,
  expirations: Schema.Array(Schema.Struct({ position: Whole, before: Schema.Int }))
})

/** Follows its table, behind the segments that are older. */
const SegmentItem = Schema.Struct({ item: Schema.Literal("segment"), tableId: Whole, segment: Segment })

const Item = Schema.fromJsonString(Schema.Union([TenantItem, TableItem, SegmentItem]))

type Item = typeof Item.Type

const encodeItem = Schema.encodeSync(Item)
const decodeItem = Schema.decodeUnknownSync(Item)

/** Characters of a section: what is encoded in one go. */
const sectionCharacters = 32 * 1024

const tableItem = (table: Table): Item => ({
  item: "table",
  id: table.id,
  tenant: table.tenant,
  name: table.name,
  versions: table.versions.map(({ definition, position, registeredAt }) => ({ definition, position, registeredAt })),
  settings: table.settings,
  flushedThrough: table.flushedThrough,
  horizon: table.horizon,
  expirations: table.expirations
})

const itemsOf = function*({ tables, tenants }: CatalogState): Generator<Item> {
  for (const { createdAt, id, name } of tenants.values()) yield { item: "tenant", id, name, createdAt }
  for (const table of tables.values()) {
    yield tableItem(table)
    for (const segment of table.segments) yield { item: "segment", tableId: table.id, segment }
  }
}

/** The catalog in sections, each a few milliseconds of work. */
export const catalogSections = function*(catalog: CatalogState): Generator<Section> {
  let lines: Array<string> = []
  let characters = 0
  const section = (): Section => ({
    kind: sectionKinds.catalog,
    entries: lines.length,
    payload: encodeUtf8(lines.join("\n"))
  })
  for (const item of itemsOf(catalog)) {
    const line = encodeItem(item)
    lines.push(line)
    characters += line.length
    if (characters < sectionCharacters) continue
    yield section()
    lines = []
    characters = 0
  }
  if (lines.length > 0) yield section()
}

/** Puts a catalog together again, section by section. */
export class CatalogReader {
  private readonly tenants = new Map<string, Tenant & { readonly tables: Map<string, Table> }>()
  private readonly tables = new Map<number, Table & { readonly segments: Array<SegmentEntry> }>()

  /** Throws `FormatError` for what cannot be read. */
  add({ entries, payload }: Section): void {
    const lines = decodeUtf8(payload).split("\n")
    if (lines.length !== entries) throw new FormatError(`${lines.length} items of the catalog, ${entries} expected`)
    for (const line of lines) this.addItem(parseItem(line))
  }

  /** The catalog. */
  get state(): CatalogState {
    return { tenants: this.tenants, tables: this.tables }
  }

  private addItem(item: Item): void {
    switch (item.item) {
      case "tenant": {
        const { createdAt, id, name } = item
        this.tenants.set(id, { id, name, createdAt, tables: new Map() })
        return
      }
      case "table": {
        const { expirations, flushedThrough, horizon, id, name, settings, tenant, versions } = item
        const owner = this.tenants.get(tenant)
        if (owner === undefined) throw new FormatError(`table ${name} belongs to no tenant of the catalog (${tenant})`)
        const table = {
          id,
          tenant,
          name,
          settings,
          versions: versions.map(({ definition, position, registeredAt }, i) =>
            schemaVersionOf(id, i + 1, definition, Position.make(position), registeredAt)
          ),
          segments: [],
          flushedThrough: Position.make(flushedThrough),
          horizon: Position.make(horizon),
          expirations: expirations.map(({ before, position }) => ({ before, position: Position.make(position) }))
        }
        owner.tables.set(name, table)
        this.tables.set(id, table)
        return
      }
      case "segment": {
        const table = this.tables.get(item.tableId)
        if (table === undefined) {
          throw new FormatError(`segment ${item.segment.name} belongs to no table of the catalog (${item.tableId})`)
        }
        table.segments.push(item.segment)
      }
    }
  }
}

const parseItem = (line: string): Item => {
  try {
    return decodeItem(line)
  } catch (cause) {
    throw new FormatError(`an item of the catalog is not readable: ${String(cause)}`)
  }
}
