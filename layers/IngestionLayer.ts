/** The ingestion program. */
import * as Layer from "effect/Layer"
import type { Catalog } from "../src/catalog/Catalog.ts"
import { Ingestion } from "../src/ingestion/Ingestion.ts"
import { makeIngestion } from "../src/ingestion/makeIngestion.ts"
import type { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import type { Mvcc } from "../src/mvcc/Mvcc.ts"
import type { Decoders } from "../src/schema/Decoders.ts"
import type { Wal } from "../src/wal/Wal.ts"

/** Over the commit pipeline. */
export const layer: Layer.Layer<Ingestion, never, Catalog | CommitPipeline | Decoders | Mvcc | Wal> = Layer.effect(
  Ingestion,
  makeIngestion
)
