/** The catalog service: what tenants, tables and schemas there are. */
import * as Context from "effect/Context"
import type { CatalogState, Table } from "./state.ts"

/** Reads are plain functions: the catalog is in memory, whole. */
export interface CatalogService {
  /** Everything, as of the newest published position. */
  readonly state: () => CatalogState
  /** A table by its tenant and name. */
  readonly table: (tenant: string, name: string) => Table | undefined
}

/** What tenants, tables and schemas there are. */
export class Catalog extends Context.Service<Catalog, CatalogService>()("varve/catalog/Catalog") {}
