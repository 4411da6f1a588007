/** Random lives of an engine, with everything that can be in its log; and the log's own account of what was written. */
import * as Effect from "effect/Effect"
import { unrestricted } from "../../src/base/caller.ts"
import * as Position from "../../src/base/position.ts"
import type { CatalogEvent } from "../../src/catalog/fold.ts"
import type { Table } from "../../src/catalog/state.ts"
import { decodeEvent } from "../../src/event/Event.ts"
import { EngineState } from "../../src/mvcc/engineState.ts"
import { type Flusher, makeFlusher } from "../../src/processor/flush/makeFlusher.ts"
import { publishSegments } from "../../src/processor/publish.ts"
import { makeInlineWorkers } from "../../src/segment/worker/inlineWorkers.ts"
import { BlockStorage, type BlockStorageService } from "../../src/storage/BlockStorage.ts"
import type { FrameInput, WalService } from "../../src/wal/Wal.ts"
import type { Dice } from "./dice.ts"
import { batchRequest, put } from "./ingestRequest.ts"
import { Gate, type OpenEngine, registerTable } from "./openEngine.ts"

const places = [["t", "x"], ["t", "y"], ["u", "x"]] as const
const keys = ["a", "b", "c", "é", "日本", "k1", "k2", "k3"]

/** Tables with which a history begins; those that are there stay. */
export const prepareHistory = Effect.fnUntraced(function*(opened: OpenEngine) {
  for (const [tenant, table] of places) {
    if (opened.catalog.table(tenant, table) === undefined) yield* registerTable(opened, table, tenant)
  }
})

/** Makes segments of an engine's memtables when it is told to, in this thread. */
export const openFlusher = (opened: OpenEngine, storage: BlockStorageService): Effect.Effect<Flusher> =>
  Effect.map(
    Effect.provideService(makeInlineWorkers, BlockStorage, storage),
    (workers) => makeFlusher(opened, workers, () => {})
  )

const writeRows = Effect.fnUntraced(function*(dice: Dice, { ingestion }: OpenEngine) {
  const tenants = dice.pick([["t"], ["t", "u"]])
  const records = dice.times(dice.between(1, 15), () => {
    const tenant = dice.pick(tenants)
    const table = tenant === "t" ? dice.pick(["x", "y"]) : "x"
    return put(dice.pick(keys), dice.chance(0.2) ? null : dice.text(dice.pick([1, 5, 50])), { tenant, table })
  })
  const answer = yield* ingestion.ingestBatch(
    batchRequest(records, {
      ...dice.chance(0.4) ? { key: `key ${dice.below(200)} ${dice.below(2 ** 31)}` } : {},
      ...dice.chance(0.3) ? { durability: 1 } : {}
    }),
    unrestricted
  )
  return answer.durability === "MEMORY" ? Position.zero : answer.lastPosition
})

const addColumn = (dice: Dice, { administration }: OpenEngine, { name: table, tenant, versions }: Table) => {
  const columns = versions.map((_, i) => ({ name: `n${i}`, type: dice.pick(["float64", "int64"]), nullable: true }))
  const before = JSON.parse(versions[versions.length - 1].definition) as {
    readonly columns: ReadonlyArray<{ readonly id: number }>
  }
  const definition = JSON.stringify({
    columns: [...before.columns.map(({ id: _, ...column }) => column), columns[columns.length - 1]]
  })
  return administration.registerSchema({ tenant, table, definition }, unrestricted)
}

const change = ({ pipeline }: OpenEngine, event: CatalogEvent) =>
  Effect.map(pipeline.commit({ kind: "catalog", propose: () => event }), ({ lastPosition }) => lastPosition)

/** Moves the oldest segment of a table a level down, or lets go of it, as if nobody could see its rows any more. */
const republish = (dice: Dice, opened: OpenEngine, table: Table) => {
  const [oldest] = table.segments
  if (oldest === undefined || oldest.level > 0 && dice.chance(0.5)) return Effect.void
  const isMove = oldest.level === 0 && dice.chance(0.7)
  return publishSegments(opened, {
    table: table.id,
    through: Position.zero,
    horizon: dice.pick([Position.zero, opened.engine.state.position]),
    removed: [oldest.name],
    added: isMove ? [{ ...oldest, level: 1 }] : []
  }, undefined)
}

/** Does something at random; gives the position up to which everything is durable then, as far as it was told. */
export const stepOfHistory = Effect.fnUntraced(function*(dice: Dice, opened: OpenEngine, flusher: Flusher) {
  const { engine } = opened
  const [tenant, name] = dice.pick(places)
  const table = opened.catalog.table(tenant, name)!
  const kind = dice.below(100)
  if (kind < 55) return yield* writeRows(dice, opened)
  if (kind < 75) {
    if (dice.chance(0.7)) engine.state.tables.get(table.id)?.seal()
    yield* flusher.flushSealed(table.id)
  } else if (kind < 83) yield* republish(dice, opened, table)
  else if (kind < 86 && table.versions.length < 4) yield* addColumn(dice, opened, table)
  else if (kind < 89) {
    return yield* change(opened, {
      kind: "TableConfigured",
      tableId: table.id,
      settings: {
        history: dice.pick([{ keep: "all" }, { keep: "duration", micros: 5 }, { keep: "latest" }]),
        ttlMicros: dice.pick([null, 1_000_000]),
        compaction: { strategy: dice.pick(["leveled", "tiered"]) },
        indexes: []
      }
    })
  } else if (kind < 92) {
    const before = (table.expirations.at(-1)?.before ?? 0) + dice.below(1000)
    return yield* change(opened, { kind: "RowsExpired", tableId: table.id, before })
  } else if (kind < 94) {
    return yield* change(opened, {
      kind: "TenantCreated",
      tenant: `n${engine.state.catalog.tenants.size}`,
      name: dice.text(4)
    })
  } else return yield* opened.checkpoints.write
  return Position.zero
})

/** Sees every frame on its way to the log. What becomes of it nobody knows when the machine dies. */
export class Recorder extends Gate {
  private readonly frames = new Map<
    number,
    { readonly frame: FrameInput; readonly payload: Uint8Array<ArrayBuffer>; readonly commitTime: number }
  >()

  override before(wal: WalService): WalService {
    const gated = super.before(wal)
    // What was on its way when a former life ended is there or is not; those positions are given again.
    for (const position of this.frames.keys()) if (position > wal.writtenPosition) this.frames.delete(position)
    let isPoisoned = false
    return Object.defineProperty(Object.create(gated) as WalService, "append", {
      value: ((frames, options) =>
        Effect.suspend(() => {
          let position = wal.writtenPosition + 1
          // A group that failed may be there; those behind it never get so far.
          for (const frame of isPoisoned ? [] : frames) {
            const payload = new Uint8Array(Buffer.concat(frame.payload))
            this.frames.set(position, { frame, payload, commitTime: options.commitTime })
            position += frame.span
          }
          return Effect.onError(gated.append(frames, options), () =>
            Effect.sync(() => {
              isPoisoned = true
            }))
        })) satisfies WalService["append"]
    })
  }

  /** The fold of all frames up to a position: what any recovery has to come to. */
  foldThrough(through: Position.Position): EngineState {
    const state = new EngineState(1 << 30)
    let position: number = Position.first
    while (position <= through) {
      const { commitTime, frame, payload } = this.frames.get(position)!
      state.fold(decodeEvent(frame.kind, payload), Position.make(position), commitTime)
      position += frame.span
    }
    return state
  }
}
