/** Clients of a simulated engine: each does one thing after another, and tells the model what it asked and was told. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { unrestricted } from "../../src/base/caller.ts"
import type { Position } from "../../src/base/position.ts"
import type { Reason } from "../../src/base/reason.ts"
import type { Dice } from "../support/dice.ts"
import { batchRequest, recordRequest, streamMessages } from "../support/ingestRequest.ts"
import type { OpenEngine } from "../support/openEngine.ts"
import { recordBytes, structBytes } from "../support/wireRecord.ts"
import type { Attempt, Model, WantedRow } from "./model.ts"

const tenants = ["t", "u"]
const tables = ["x", "y"]
const keys = Array.from({ length: 8 }, (_, i) => `k${i}`)

/** Reasons with which nothing of a request was written. Any other leaves it open. */
const definite: ReadonlySet<Reason> = new Set<Reason>([
  "STORAGE_FULL",
  "DRAINING",
  "VERSION_MISMATCH",
  "MEMORY_LIMIT",
  "BACK_PRESSURE"
])

const randomRows = (dice: Dice, count: number, tenant = dice.pick(tenants)): ReadonlyArray<WantedRow> =>
  dice.times(count, () => ({ tenant, table: dice.pick(tables), key: dice.pick(keys), isDeletion: dice.chance(0.15) }))

/** The bytes of an attempt's rows. */
const recordsOf = (attempt: Attempt, size: number): ReadonlyArray<Uint8Array> =>
  attempt.rows.map(({ isDeletion, key, table, tenant }, index) =>
    recordBytes({
      tenant,
      table,
      key,
      metadata: [["attempt", String(attempt.number)], ["index", String(index)]],
      ...(isDeletion
        ? { deleted: true }
        : { data: structBytes([["v", `${attempt.number}.${index} `.padEnd(size, "v")]]) })
    })
  )

const badRecord = recordBytes({ tenant: "t", table: "x", key: "", data: structBytes([["v", "no key"]]) })

/** Runs a request, now and then giving up on it before its answer. */
const impatiently = <A, E>(dice: Dice, request: Effect.Effect<A, E>): Effect.Effect<A | "gave up", E> => {
  if (!dice.chance(0.05)) return request
  const patience = dice.below(6)
  return Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(request, { startImmediately: true })
    for (let i = 0; i < patience; i++) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    return "gave up" as const
  })
}

const settle = (attempt: Attempt, reason: Reason): void => {
  // A retry that failed takes nothing back of what is known already.
  if (attempt.knowledge === "running") attempt.knowledge = definite.has(reason) ? "refused" : "unknown"
}

/** In most requests none, so that the setting of the engine decides. */
const randomDurability = (dice: Dice): { readonly durability?: number } =>
  dice.pick([{}, {}, { durability: 1 }, { durability: 2 }])

/** Writes one record, mostly with an expected version. */
const writeRecord = Effect.fnUntraced(function*(dice: Dice, opened: OpenEngine, model: Model) {
  const [row] = randomRows(dice, 1)
  const table = opened.catalog.table(row.tenant, row.table)
  const current = table && opened.mvcc.versions(table.id)?.find(Buffer.from(row.key), opened.mvcc.position())
  const isGone = current === undefined ||
    (current.memtable.hasDeleted && current.memtable.deleted[current.row] === 1)
  const expectedVersion = dice.chance(0.4) ? -1 : isGone ? 0 : current.memtable.positions[current.row]
  const attempt = model.begin([row], { expectedVersion })
  const request = recordRequest(recordsOf(attempt, dice.pick([1, 40, 3000]))[0], {
    ...(expectedVersion < 0 ? {} : { expectedVersion: BigInt(expectedVersion) }),
    ...randomDurability(dice)
  })
  const result = yield* Effect.result(impatiently(dice, opened.ingestion.ingestRecord(request, unrestricted)))
  if (result._tag === "Failure") settle(attempt, result.failure.reason)
  else if (result.success === "gave up") attempt.knowledge = "unknown"
  else model.acknowledge(attempt, result.success.position, result.success.durability !== "MEMORY")
})

/** Writes a batch, or writes an earlier one once more under its idempotency key. */
const writeBatch = Effect.fnUntraced(function*(dice: Dice, opened: OpenEngine, model: Model) {
  const retriable = model.attempts.filter(({ idempotencyKey, knowledge }) =>
    idempotencyKey !== "" && knowledge !== "running"
  )
  const attempt = retriable.length > 0 && dice.chance(0.25)
    ? dice.pick(retriable)
    : model.begin(randomRows(dice, dice.between(1, 12)), {
      idempotencyKey: dice.chance(0.4) ? `key ${model.attempts.length}` : ""
    })
  // A retry of what was refused is a first try.
  if (attempt.knowledge === "refused") attempt.knowledge = "running"
  const transactional = dice.chance(0.5)
  const records = recordsOf(attempt, 1 + (attempt.number % 50))
  const request = batchRequest(!transactional && dice.chance(0.3) ? [badRecord, ...records] : records, {
    transactional,
    ...(attempt.idempotencyKey === "" ? {} : { key: attempt.idempotencyKey }),
    ...randomDurability(dice)
  })
  const result = yield* Effect.result(impatiently(dice, opened.ingestion.ingestBatch(request, unrestricted)))
  if (result._tag === "Failure") settle(attempt, result.failure.reason)
  else if (result.success !== "gave up") {
    model.acknowledge(attempt, result.success.firstPosition, result.success.durability !== "MEMORY")
  } else if (attempt.knowledge === "running") attempt.knowledge = "unknown"
})

/** Sends a stream of batches, and mostly waits for its end. */
const writeStream = Effect.fnUntraced(function*(dice: Dice, opened: OpenEngine, model: Model) {
  const tenant = dice.pick(tenants)
  let last: Attempt | undefined
  const attempts = dice.times(dice.between(1, 10), () => {
    last = model.begin(randomRows(dice, dice.between(1, 4), tenant), { after: last })
    return last
  })
  const messages = [
    streamMessages.init(randomDurability(dice)),
    ...attempts.map((attempt) => streamMessages.records(recordsOf(attempt, dice.pick([1, 500])))),
    ...(dice.chance(0.7) ? [streamMessages.commit()] : [])
  ]
  const run = opened.ingestion.ingestStream(Stream.fromIterable(messages), unrestricted).pipe(
    Stream.runForEach((answer) =>
      Effect.sync(() => {
        if (answer.kind !== "ack" || answer.sequence === 0) return
        const attempt = attempts[answer.sequence - 1]
        if (attempt.knowledge === "running") model.acknowledge(attempt, 0, answer.durability !== "MEMORY")
      })
    )
  )
  yield* Effect.result(impatiently(dice, run))
  // What was not acknowledged when the stream ended may be there or not.
  for (const attempt of attempts) if (attempt.knowledge === "running") attempt.knowledge = "unknown"
})

/** Registers another version of a schema, or the same again. */
const register = Effect.fnUntraced(function*(dice: Dice, { administration }: OpenEngine, model: Model) {
  const columns = [
    { name: "v", type: "string", nullable: true },
    { name: `c${dice.below(4)}`, type: "int64", default: dice.below(3) }
  ]
  const definition = JSON.stringify({ columns })
  const request = { tenant: dice.pick(tenants), table: dice.pick(tables), definition }
  const result = yield* Effect.result(administration.registerSchema(request, unrestricted))
  if (result._tag === "Failure") return
  const { position, table, tenant, version } = result.success
  model.registrations.set(position, `${tenant}/${table} ${version} ${result.success.definition}`)
})

/** Looks at some keys, now or at an earlier position. */
const look = Effect.fnUntraced(function*(dice: Dice, opened: OpenEngine, model: Model) {
  const newest = opened.mvcc.position()
  const position = dice.chance(0.5) ? newest : dice.below(newest + 1) as Position
  const wanted = { asOf: { kind: "position", position }, minPosition: 0 as Position } as const
  const snapshot = yield* Effect.result(opened.mvcc.snapshot(wanted))
  if (snapshot._tag === "Failure") return
  for (const row of randomRows(dice, 3)) model.observe(opened, snapshot.success.position, row)
})

/** Does so many things, one after another, or until the engine is dead. */
export const runClient = Effect.fnUntraced(
  function*(dice: Dice, opened: OpenEngine, model: Model, steps: number, isDead: () => boolean) {
    for (let step = 0; step < steps && !isDead(); step++) {
      const action = dice.below(100)
      if (action < 40) yield* writeRecord(dice, opened, model)
      else if (action < 70) yield* writeBatch(dice, opened, model)
      else if (action < 80) yield* writeStream(dice, opened, model)
      else if (action < 83) yield* register(dice, opened, model)
      else yield* look(dice, opened, model)
      if (dice.chance(0.3)) yield* Effect.yieldNow
    }
  }
)

/** Makes the tables that the clients write to. */
export const prepare = Effect.fnUntraced(function*({ administration, catalog }: OpenEngine) {
  const definition = JSON.stringify({ columns: [{ name: "v", type: "string", nullable: true }] })
  for (const tenant of tenants) {
    for (const table of tables) {
      if (catalog.table(tenant, table) !== undefined) continue
      yield* administration.registerSchema({ tenant, table, definition }, unrestricted)
    }
  }
})
