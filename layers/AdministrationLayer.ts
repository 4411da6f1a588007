/** Tenants, schemas and tables, and what lies where. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Administration } from "../src/administration/Administration.ts"
import { Inspection } from "../src/administration/Inspection.ts"
import { HistoryDefault, makeAdministration } from "../src/administration/makeAdministration.ts"
import { makeInspection } from "../src/administration/makeInspection.ts"
import type { Catalog } from "../src/catalog/Catalog.ts"
import { settingsDefault } from "../src/catalog/state.ts"
import type { TableSettings } from "../src/event/Event.ts"
import type { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import type { Mvcc } from "../src/mvcc/Mvcc.ts"
import type { SegmentFiles } from "../src/mvcc/SegmentFiles.ts"
import type { BlockStorage } from "../src/storage/BlockStorage.ts"
import type { Wal } from "../src/wal/Wal.ts"

/** What tables are like where nobody has chosen anything for them. */
export interface AdministrationOptions {
  readonly historyDefault: TableSettings["history"]
}

/** Over the commit pipeline, the versions and the files. */
export const layer = (
  options: Partial<AdministrationOptions> = {}
): Layer.Layer<
  Administration | Inspection,
  never,
  Catalog | CommitPipeline | Mvcc | SegmentFiles | BlockStorage | Wal
> => {
  const { historyDefault = settingsDefault.history } = options
  return Layer.mergeAll(
    Layer.effect(Administration, Effect.provideService(makeAdministration, HistoryDefault, historyDefault)),
    Layer.effect(Inspection, Effect.map(makeInspection, (inspection) => Inspection.of(inspection)))
  )
}
