/**
 * What becomes of an intent: an event, an earlier receipt, or a refusal. A pure function of the state that all intents
 * before it have led to; wherever the log's order is known, everyone decides alike.
 */
import type { Position } from "../base/position.ts"
import type { CatalogState } from "../catalog/state.ts"
import type { Event } from "../event/Event.ts"
import { type Intent, type Refusal, refuse, type RowsIntent } from "./intent.ts"
import type { Receipt } from "./receipts.ts"

/** What a decision may look at. */
export interface DecisionState {
  readonly catalog: CatalogState
  readonly receipt: (tenant: string, idempotencyKey: string) => Receipt | undefined
  /** Position of a key's current version; 0 where the key does not exist or its newest version is a deletion. */
  readonly currentVersion: (table: number, key: Uint8Array) => Position
}

export type Decision =
  | { readonly kind: "append"; readonly event: Event }
  /** The catalog is already as the intent wants it. */
  | { readonly kind: "unchanged" }
  | { readonly kind: "duplicate"; readonly receipt: Receipt }
  | Refusal

/** Decides one intent. */
export const decide = (state: DecisionState, intent: Intent): Decision => {
  if (intent.kind === "rows") return decideRows(state, intent)
  const proposed = intent.propose(state.catalog)
  if (proposed === undefined) return { kind: "unchanged" }
  return proposed.kind === "refused" ? proposed : { kind: "append", event: proposed }
}

const decideRows = (state: DecisionState, intent: RowsIntent): Decision => {
  const { batches, expectedVersion, idempotency, tenant } = intent
  if (idempotency !== undefined) {
    // First of all: a retry of what was committed must get its receipt, whatever has changed since.
    const receipt = state.receipt(tenant, idempotency.key)
    if (receipt !== undefined) {
      return Buffer.compare(receipt.contentHash, idempotency.contentHash) === 0
        ? { kind: "duplicate", receipt }
        : refuse(
          "IDEMPOTENCY_CONFLICT",
          "idempotency_key",
          `${JSON.stringify(idempotency.key)} has committed other content at position ${receipt.firstPosition}; ` +
            "a new write needs a new key"
        )
    }
  }
  if (expectedVersion !== undefined) {
    const current = state.currentVersion(batches[0].shape.table, batches[0].keys.get(0))
    if (current !== expectedVersion) {
      return refuse(
        "VERSION_MISMATCH",
        "expected_version",
        current === 0
          ? `${expectedVersion} is expected, but the key does not exist; expect 0 to create it`
          : expectedVersion === 0
          ? `the key exists already, at version ${current}; expect that to replace it`
          : `${expectedVersion} is expected, but the current version is ${current}; read it and try again`
      )
    }
  }
  return {
    kind: "append",
    event: {
      kind: "RowsWritten",
      transactional: intent.transactional,
      batches,
      idempotency: idempotency === undefined ? undefined : { tenant, ...idempotency }
    }
  }
}
