/**
 * The state as it will be when the group being gathered is committed: what lets an intent be decided in its order
 * although the intents before it are not in the log yet. Dropped, with nothing to undo, where the append fails.
 */
import { decodeUtf8 } from "../base/bytes.ts"
import * as Position from "../base/position.ts"
import { foldCatalog } from "../catalog/fold.ts"
import type { CatalogState } from "../catalog/state.ts"
import { type Event, type RowsWritten, spanOf } from "../event/Event.ts"
import type { DecisionState } from "./decide.ts"
import type { EngineState } from "./engineState.ts"
import { type Receipt, receiptKey } from "./receipts.ts"

export class GroupState implements DecisionState {
  catalog: CatalogState
  private readonly base: EngineState
  private readonly commitTime: number
  private readonly stored: ReadonlyMap<string, Position.Position>
  private readonly receipts = new Map<string, Receipt>()
  private readonly staged: Array<{ readonly event: RowsWritten; readonly first: Position.Position }> = []
  /** By table and key; made when the first intent of the group asks, then kept up to date. */
  private versions: Map<string, Position.Position> | undefined
  private next: Position.Position

  /** `stored` has the versions of keys that are in segments alone, by `versionKey`, of all that will be asked for. */
  constructor(
    base: EngineState,
    commitTime: number,
    stored: ReadonlyMap<string, Position.Position> = new Map<string, Position.Position>()
  ) {
    this.base = base
    this.stored = stored
    this.catalog = base.catalog
    this.commitTime = commitTime
    this.next = Position.advance(base.position, 1)
  }

  receipt(tenant: string, idempotencyKey: string): Receipt | undefined {
    return this.receipts.get(receiptKey(tenant, idempotencyKey)) ?? this.base.receipts.get(tenant, idempotencyKey)
  }

  currentVersion(table: number, key: Uint8Array): Position.Position {
    if (this.versions === undefined) {
      this.versions = new Map()
      for (const { event, first } of this.staged) this.stageVersions(event, first)
    }
    const staged = this.versions.get(versionKey(table, key))
    if (staged !== undefined) return staged
    const version = this.base.tables.get(table)?.find(key, Position.max)
    if (version === undefined) return this.stored.get(versionKey(table, key)) ?? Position.zero
    const { memtable, row } = version
    return memtable.hasDeleted && memtable.deleted[row] === 1
      ? Position.zero
      : memtable.positions[row] as Position.Position
  }

  /** Takes in an event that was decided for, and returns the position that it will have. */
  stage(event: Event): Position.Position {
    const first = this.next
    const span = spanOf(event)
    this.next = Position.advance(first, span)
    if (event.kind !== "RowsWritten") {
      this.catalog = foldCatalog(this.catalog, event, first, this.commitTime)
      return first
    }
    this.staged.push({ event, first })
    if (this.versions !== undefined) this.stageVersions(event, first)
    if (event.idempotency !== undefined) {
      const { contentHash, key, tenant } = event.idempotency
      this.receipts.set(receiptKey(tenant, key), {
        firstPosition: first,
        lastPosition: Position.advance(first, span - 1),
        commitTime: this.commitTime,
        contentHash
      })
    }
    return first
  }

  private stageVersions(event: RowsWritten, first: Position.Position): void {
    let position = first
    for (const batch of event.batches) {
      for (let row = 0; row < batch.count; row++) {
        const isDeleted = batch.hasDeleted && batch.deleted[row] === 1
        this.versions!.set(versionKey(batch.shape.table, batch.keys.get(row)), isDeleted ? Position.zero : position)
        position = Position.advance(position, 1)
      }
    }
  }
}

/** A key of a table, as a map has it. */
export const versionKey = (table: number, key: Uint8Array): string => `${table}\0${decodeUtf8(key)}`
