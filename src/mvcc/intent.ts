/**
 * Intents: what a request wants to happen. The commit pipeline decides each one in order; only what was decided for
 * becomes an event in the log.
 */
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { CatalogEvent } from "../catalog/fold.ts"
import type { CatalogState } from "../catalog/state.ts"
import type { RowBatch } from "../event/rowBatch.ts"
import type { HandOver } from "./handOver.ts"

/** How safe a write is: in the log but unsynced, synced to disk, stored by the replicated object store. */
export type Durability = "MEMORY" | "FSYNCED" | "REPLICATED"

/** Rows of one tenant, to be written together or not at all. */
export interface RowsIntent {
  readonly kind: "rows"
  readonly tenant: string
  /** Whether they are to be seen together or not at all, too, by every snapshot. */
  readonly transactional: boolean
  /** Not to be touched until the intent's receipt is there. At least one row. */
  readonly batches: ReadonlyArray<RowBatch>
  /** Absent: retries are not recognised. */
  readonly idempotency: { readonly key: string; readonly contentHash: Uint8Array } | undefined
  /** Of the only row: 0 = the key must not exist, else the position of its current version. Absent = any. */
  readonly expectedVersion: Position | undefined
  /** The least that is promised; absent = what the log is configured for. */
  readonly durability: Durability | undefined
}

/** A change of the catalog, proposed from the catalog as it is when the intent's turn comes. */
export interface CatalogIntent {
  readonly kind: "catalog"
  /** The event that makes the change, `undefined` where there is nothing to change, or why it is refused. */
  readonly propose: (catalog: CatalogState) => CatalogEvent | Refusal | undefined
  /** Of segments that are published: see `EngineState.fold`. */
  readonly handOver?: HandOver
}

export type Intent = RowsIntent | CatalogIntent

/** Why an intent does not become an event. */
export interface Refusal {
  readonly kind: "refused"
  readonly reason: Reason
  readonly message: string
  readonly field: string
}

export const refuse = (reason: Reason, field: string, message: string): Refusal => ({
  kind: "refused",
  reason,
  field,
  message
})
