/** What tenants, tables and schemas there are. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Catalog } from "../src/catalog/Catalog.ts"
import { makeCatalog } from "../src/catalog/makeCatalog.ts"
import { Engine } from "../src/mvcc/Engine.ts"

/** The catalog that the engine folds. */
export const layer: Layer.Layer<Catalog, never, Engine> = Layer.effect(
  Catalog,
  Effect.map(Engine, (engine) => makeCatalog(() => engine.state.catalog))
)
