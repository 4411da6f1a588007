/** Tenants and schemas. */
import * as Layer from "effect/Layer"
import { Administration } from "../src/administration/Administration.ts"
import { makeAdministration } from "../src/administration/makeAdministration.ts"
import type { Catalog } from "../src/catalog/Catalog.ts"
import type { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"

/** Over the commit pipeline. */
export const layer: Layer.Layer<Administration, never, Catalog | CommitPipeline> = Layer.effect(
  Administration,
  makeAdministration
)
