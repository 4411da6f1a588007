/** The catalog service over wherever its state is folded. */
import type { CatalogService } from "./Catalog.ts"
import type { CatalogState } from "./state.ts"

/** Makes the service; `state` gives the newest published state. */
export const makeCatalog = (state: () => CatalogState): CatalogService => ({
  state,
  table: (tenant, name) => state().tenants.get(tenant)?.tables.get(name)
})
