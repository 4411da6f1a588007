/** The query program. */
import * as Layer from "effect/Layer"
import type { Catalog } from "../src/catalog/Catalog.ts"
import type { Mvcc } from "../src/mvcc/Mvcc.ts"
import { makeQuery } from "../src/query/makeQuery.ts"
import { Query } from "../src/query/Query.ts"

/** Over the catalog and the versions in memory. */
export const layer: Layer.Layer<Query, never, Catalog | Mvcc> = Layer.effect(Query, makeQuery)
