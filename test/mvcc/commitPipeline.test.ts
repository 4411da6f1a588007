/** The commit pipeline: what becomes of intents, alone and in groups, and what is told of it when. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { OnDaemonDeath } from "../../src/base/daemon.ts"
import type { Position } from "../../src/base/position.ts"
import type { CommitError, CommitReceipt } from "../../src/mvcc/CommitPipeline.ts"
import type { Intent } from "../../src/mvcc/intent.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import {
  dump,
  Gate,
  type OpenEngine,
  openEngine,
  quiet,
  registerTable,
  valueAt,
  writeOf
} from "../support/openEngine.ts"

const at = (position: number) => position as Position

/** What an intent became, in a line. */
const tell = (result: Effect.Success<ReturnType<typeof commit>>): string =>
  result._tag === "Failure"
    ? result.failure.reason
    : `${result.success.outcome} ${result.success.firstPosition}-${result.success.lastPosition}`

const commit = ({ pipeline }: OpenEngine, intent: Intent) => Effect.result(pipeline.commit(intent))

/** Commits intents as one group: they wait together behind one that is held at the gate. */
const commitGroup = Effect.fnUntraced(
  function*(opened: OpenEngine, gate: Gate, table: number, intents: ReadonlyArray<Intent>) {
    gate.close()
    const arrivals = gate.arrivals
    const plug = yield* Effect.forkChild(commit(opened, writeOf(table, [["plug", ""]])))
    yield* gate.arrived(arrivals + 1)
    const fibers = yield* Effect.forEach(
      intents,
      (intent) => Effect.forkChild(commit(opened, intent), { startImmediately: true })
    )
    const groups = (yield* opened.wal.status).groupsAppended
    gate.open()
    yield* Fiber.join(plug)
    const results = yield* Effect.forEach(fibers, Fiber.join)
    const appended = (yield* opened.wal.status).groupsAppended - groups
    return { told: results.map(tell), results, groups: appended - 1 }
  }
)

/** An engine with table x, and whatever else a test needs of it. */
const setUp = Effect.fnUntraced(function*(setting: Parameters<typeof openEngine>[1] = {}) {
  const storage = yield* makeMemoryStorage
  const gate = new Gate()
  const opened = yield* openEngine(storage, { ...setting, gate })
  const table = yield* registerTable(opened)
  return { storage, gate, opened, table, base: opened.mvcc.position() as number }
})

describe("an idempotency key", () => {
  it.live("gives the first receipt to every retry: in its group, in later groups, and after a restart", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const scope = yield* Scope.make()
      const gate = new Gate()
      const opened = yield* Scope.provide(openEngine(storage, { gate }), scope)
      const table = yield* registerTable(opened)
      yield* registerTable(opened, "x", "u")
      const rows = [["a", "1"], ["b", "2"]] as const
      const { groups, told } = yield* commitGroup(opened, gate, table, [
        writeOf(table, rows, { key: "one" }),
        writeOf(table, rows, { key: "one" }),
        writeOf(table, rows, { key: "one", content: 1 }),
        writeOf(table, rows, { key: "two" }),
        writeOf(table, rows, { key: "one", tenant: "u" })
      ])
      // Positions 1 and 2 are the schemas', 3 is the plug's.
      assert.deepStrictEqual(told, [
        "committed 4-5",
        "duplicate 4-5",
        "IDEMPOTENCY_CONFLICT",
        "committed 6-7",
        "committed 8-9"
      ])
      assert.strictEqual(groups, 1)
      const retry = [writeOf(table, rows, { key: "one" }), writeOf(table, rows, { key: "one", content: 1 })]
      const later = yield* Effect.forEach(retry, (intent) => commit(opened, intent))
      assert.deepStrictEqual(later.map(tell), ["duplicate 4-5", "IDEMPOTENCY_CONFLICT"])
      const first = Exit.isExit(later[0]) ? undefined : later[0]
      yield* Scope.close(scope, Exit.void)
      const again = yield* openEngine(storage)
      const restarted = yield* Effect.forEach(retry, (intent) => commit(again, intent))
      assert.deepStrictEqual(restarted.map(tell), ["duplicate 4-5", "IDEMPOTENCY_CONFLICT"])
      assert.deepStrictEqual(restarted[0], first)
      assert.strictEqual(again.mvcc.position(), 9)
    }))

  it.live("is looked at before anything else: a retry gets its receipt whatever has changed since", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const create = writeOf(table, [["a", "1"]], { key: "create", expectedVersion: at(0) })
      assert.strictEqual(tell(yield* commit(opened, create)), "committed 2-2")
      yield* commit(opened, writeOf(table, [["a", "2"]]))
      assert.strictEqual(tell(yield* commit(opened, create)), "duplicate 2-2")
    }))

  it.live("that was refused may be used again", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      yield* commit(opened, writeOf(table, [["a", "1"]]))
      assert.strictEqual(
        tell(yield* commit(opened, writeOf(table, [["a", "2"]], { key: "k", expectedVersion: at(0) }))),
        "VERSION_MISMATCH"
      )
      assert.strictEqual(
        tell(yield* commit(opened, writeOf(table, [["a", "2"]], { key: "k", content: 9, expectedVersion: at(2) }))),
        "committed 3-3"
      )
    }))
})

describe("an expected version", () => {
  it.live("is compared with what the group before it leads to", () =>
    Effect.gen(function*() {
      const { base, gate, opened, table } = yield* setUp()
      const first = base + 2
      const { groups, told } = yield* commitGroup(opened, gate, table, [
        writeOf(table, [["a", "1"]], { expectedVersion: at(0) }),
        writeOf(table, [["a", "2"]], { expectedVersion: at(0) }),
        writeOf(table, [["a", "3"]], { expectedVersion: at(first) }),
        writeOf(table, [["a", "4"]], { expectedVersion: at(first) }),
        writeOf(table, [["a", null]], { expectedVersion: at(first + 1) }),
        writeOf(table, [["a", "5"]], { expectedVersion: at(first + 2) }),
        writeOf(table, [["a", "6"]], { expectedVersion: at(0) }),
        writeOf(table, [["b", "1"], ["b", "2"]]),
        writeOf(table, [["b", "3"]], { expectedVersion: at(first + 4) }),
        writeOf(table, [["b", "3"]], { expectedVersion: at(first + 5) })
      ])
      assert.strictEqual(groups, 1)
      assert.deepStrictEqual(told, [
        `committed ${first}-${first}`,
        "VERSION_MISMATCH",
        `committed ${first + 1}-${first + 1}`,
        "VERSION_MISMATCH",
        `committed ${first + 2}-${first + 2}`,
        "VERSION_MISMATCH",
        `committed ${first + 3}-${first + 3}`,
        `committed ${first + 4}-${first + 5}`,
        "VERSION_MISMATCH",
        `committed ${first + 6}-${first + 6}`
      ])
    }))

  it.live("across groups, after a deletion, and in other tables", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const other = yield* registerTable(opened, "y")
      const steps: ReadonlyArray<readonly [Intent, string]> = [
        [writeOf(table, [["a", "1"]], { expectedVersion: at(1) }), "VERSION_MISMATCH"],
        [writeOf(table, [["a", "1"]], { expectedVersion: at(0) }), "committed 3-3"],
        [writeOf(other, [["a", "1"]], { expectedVersion: at(0) }), "committed 4-4"],
        [writeOf(table, [["a", "1"]], { expectedVersion: at(0) }), "VERSION_MISMATCH"],
        [writeOf(table, [["a", "1"]], { expectedVersion: at(4) }), "VERSION_MISMATCH"],
        [writeOf(table, [["a", null]], { expectedVersion: at(3) }), "committed 5-5"],
        [writeOf(table, [["a", "1"]], { expectedVersion: at(5) }), "VERSION_MISMATCH"],
        [writeOf(table, [["a", "1"]], { expectedVersion: at(0) }), "committed 6-6"],
        // A byte order mark is a character like any other.
        [writeOf(table, [["\ufeffa", "1"]], { expectedVersion: at(0) }), "committed 7-7"],
        [writeOf(table, [["a", "1"]], { expectedVersion: at(Number.MAX_SAFE_INTEGER) }), "VERSION_MISMATCH"]
      ]
      for (const [intent, expected] of steps) assert.strictEqual(tell(yield* commit(opened, intent)), expected)
    }))

  it.live("that does not match is told with the version that is there", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const messageOf = (intent: Intent) =>
        Effect.map(Effect.flip(opened.pipeline.commit(intent)), ({ field, message }) => `${field}: ${message}`)
      assert.match(
        yield* messageOf(writeOf(table, [["a", "1"]], { expectedVersion: at(9) })),
        /^expected_version: 9 is expected, but the key does not exist/
      )
      yield* commit(opened, writeOf(table, [["a", "1"]]))
      assert.match(
        yield* messageOf(writeOf(table, [["a", "1"]], { expectedVersion: at(0) })),
        /the key exists already, at version 2/
      )
      assert.match(
        yield* messageOf(writeOf(table, [["a", "1"]], { expectedVersion: at(1) })),
        /1 is expected, but the current version is 2/
      )
    }))

  it.live("in a group: a byte order mark makes another key", () =>
    Effect.gen(function*() {
      const { gate, opened, table } = yield* setUp()
      const { told } = yield* commitGroup(opened, gate, table, [
        writeOf(table, [["z", "1"]], { expectedVersion: at(0) }),
        writeOf(table, [["\ufeffz", "1"]], { expectedVersion: at(0) })
      ])
      assert.deepStrictEqual(told, ["committed 3-3", "committed 4-4"])
    }))
})

describe("the catalog", () => {
  it.live("of a group is decided in order, and its answers wait for the group", () =>
    Effect.gen(function*() {
      const { gate, opened, table } = yield* setUp()
      const create: Intent = {
        kind: "catalog",
        propose: (catalog) =>
          catalog.tenants.has("new")
            ? undefined
            : { kind: "TenantCreated", tenant: "new", name: "" }
      }
      const seen: Array<boolean> = []
      gate.close()
      const plug = yield* Effect.forkChild(commit(opened, writeOf(table, [["plug", ""]])))
      yield* gate.arrived(2)
      const fibers = yield* Effect.forEach([create, create], (intent) =>
        Effect.forkChild(
          Effect.tap(commit(opened, intent), () =>
            Effect.sync(() => seen.push(opened.catalog.state().tenants.has("new")))),
          { startImmediately: true }
        ))
      gate.open()
      yield* Fiber.join(plug)
      const told = (yield* Effect.forEach(fibers, Fiber.join)).map(tell)
      assert.deepStrictEqual(told, ["committed 3-3", "unchanged 0-0"])
      // Whoever is told that nothing had to be changed finds it so.
      assert.deepStrictEqual(seen, [true, true])
    }))
})

describe("durability", () => {
  it.live("is never said to be more than it is", () =>
    Effect.gen(function*() {
      for (const sync of ["commit", "interval", "none"] as const) {
        const { opened, storage, table } = yield* setUp({ sync, syncInterval: Duration.hours(1) })
        const levelOf = (intent: Intent) =>
          Effect.map(opened.pipeline.commit(intent), ({ durability, lastPosition }) => {
            // What is said to be synced is there after a loss of power.
            if (durability === "FSYNCED") assert.isTrue(opened.wal.durablePosition >= lastPosition)
            return durability
          })
        const unsynced = sync === "commit" ? "FSYNCED" : "MEMORY"
        assert.strictEqual(yield* levelOf(writeOf(table, [["a", "1"]])), unsynced)
        assert.strictEqual(yield* levelOf(writeOf(table, [["a", "2"]], { durability: "MEMORY" })), unsynced)
        assert.strictEqual(yield* levelOf(writeOf(table, [["a", "3"]], { durability: "FSYNCED" })), "FSYNCED")
        const later = yield* opened.pipeline.commit(writeOf(table, [["a", "4"]], { key: "k" }))
        assert.strictEqual(later.durability, unsynced)
        const duplicate = yield* opened.pipeline.commit(writeOf(table, [["a", "4"]], { key: "k" }))
        assert.deepStrictEqual({ ...duplicate, outcome: "committed" }, later)
        // A retry that asks for more gets it, although nothing is written again.
        assert.strictEqual(yield* levelOf(writeOf(table, [["a", "4"]], { key: "k", durability: "FSYNCED" })), "FSYNCED")
        const kept = yield* Effect.scoped(Effect.map(openEngine(storage.crashClone(1)), ({ mvcc }) => mvcc.position()))
        assert.strictEqual(kept, later.lastPosition)
      }
    }))

  it.live("of one intent syncs its whole group", () =>
    Effect.gen(function*() {
      const { gate, opened, table } = yield* setUp({ sync: "none" })
      const { results } = yield* commitGroup(opened, gate, table, [
        writeOf(table, [["a", "1"]]),
        writeOf(table, [["b", "1"]], { durability: "FSYNCED" }),
        writeOf(table, [["c", "1"]], { durability: "MEMORY" })
      ])
      assert.deepStrictEqual(results.map((result) => result._tag === "Success" && result.success.durability), [
        "FSYNCED",
        "FSYNCED",
        "FSYNCED"
      ])
    }))

  it.live("comes by itself in intervals, and with a schema at once", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp({ sync: "interval", syncInterval: Duration.millis(5) })
      assert.strictEqual(opened.wal.durablePosition, 1)
      const { lastPosition } = yield* opened.pipeline.commit(writeOf(table, [["a", "1"]]))
      while (opened.wal.durablePosition < lastPosition) yield* Effect.sleep("1 millis")
    }))

  it.live("REPLICATED is refused where the log does not replicate", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      assert.strictEqual(
        tell(yield* commit(opened, writeOf(table, [["a", "1"]], { durability: "REPLICATED" }))),
        "DURABILITY_UNAVAILABLE"
      )
    }))
})

describe("a failed append", () => {
  it.live("for want of space leaves no trace and answers all; when there is space again, all goes on by itself", () =>
    Effect.gen(function*() {
      const { gate, opened, storage, table } = yield* setUp()
      yield* commit(opened, writeOf(table, [["a", "1"]], { key: "before" }))
      const before = dump(opened.engine.state)
      gate.close()
      const plug = yield* Effect.forkChild(commit(opened, writeOf(table, [["plug", ""]])))
      yield* gate.arrived(3)
      const intents = [
        writeOf(table, [["a", "2"]], { key: "k" }),
        writeOf(table, [["a", "2"]], { key: "k" }),
        writeOf(table, [["a", "2"]], { key: "k", content: 1 }),
        writeOf(table, [["n", "1"]], { expectedVersion: at(0) }),
        writeOf(table, [["n", "2"]], { expectedVersion: at(0) }),
        writeOf(table, [["a", "1"]], { key: "before" })
      ]
      const fibers = yield* Effect.forEach(
        intents,
        (intent) => Effect.forkChild(commit(opened, intent), { startImmediately: true })
      )
      storage.capacityBytes = 0
      gate.open()
      assert.strictEqual(tell(yield* Fiber.join(plug)), "STORAGE_FULL")
      const told = (yield* Effect.forEach(fibers, Fiber.join)).map(tell)
      // Nobody is told of a version, or of a key's content, that never came to be.
      assert.deepStrictEqual(told.slice(0, 5), [
        "STORAGE_FULL",
        "STORAGE_FULL",
        "STORAGE_FULL",
        "STORAGE_FULL",
        "STORAGE_FULL"
      ])
      assert.deepStrictEqual(dump(opened.engine.state), before)
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["a", "1"]], { key: "before" }))), "duplicate 2-2")
      storage.capacityBytes = Infinity
      assert.strictEqual(
        tell(yield* commit(opened, writeOf(table, [["a", "2"]], { key: "k", content: 1 }))),
        "committed 3-3"
      )
      assert.strictEqual(
        tell(yield* commit(opened, writeOf(table, [["n", "2"]], { expectedVersion: at(0) }))),
        "committed 4-4"
      )
      const again = yield* Effect.scoped(
        Effect.map(openEngine(storage.crashClone(1)), ({ engine }) => dump(engine.state))
      )
      assert.deepStrictEqual(again, dump(opened.engine.state))
    }))

  it.live("for a sync that failed stops writing, and reads go on", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const scope = yield* Scope.make()
      const opened = yield* Scope.provide(openEngine(storage), scope)
      const table = yield* registerTable(opened)
      yield* opened.pipeline.commit(writeOf(table, [["a", "1"]], { key: "k" }))
      storage.refuse = ({ kind }) => kind === "sync" ? "Failed" : undefined
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["a", "2"]]))), "LOG_UNAVAILABLE")
      storage.refuse = () => undefined
      // Never retried: nobody knows what is on the disk.
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["b", "1"]]))), "LOG_UNAVAILABLE")
      assert.strictEqual(opened.mvcc.position(), 2)
      assert.strictEqual(valueAt(opened, table, "a", 9), "1")
      const snapshot = yield* opened.mvcc.snapshot({ asOf: { kind: "latest" }, minPosition: at(0) })
      assert.strictEqual(snapshot.position, 2)
      // A retry of what was written needs no log.
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["a", "1"]], { key: "k" }))), "duplicate 2-2")
      yield* Scope.close(scope, Exit.void)
      const again = yield* openEngine(storage)
      assert.strictEqual(valueAt(again, table, "a", 2), "1")
      assert.match(tell(yield* commit(again, writeOf(table, [["b", "1"]]))), /^committed/)
    }).pipe(quiet))

  it.live("of a write that failed is the same", () =>
    Effect.gen(function*() {
      const { opened, storage, table } = yield* setUp()
      const before = dump(opened.engine.state)
      storage.refuse = ({ kind }) => kind === "write" ? "Failed" : undefined
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["a", "2"]]))), "LOG_UNAVAILABLE")
      assert.deepStrictEqual(dump(opened.engine.state), before)
      storage.refuse = () => undefined
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["a", "2"]]))), "LOG_UNAVAILABLE")
    }).pipe(quiet))
})

describe("limits", () => {
  it.live("memory: new rows are refused, retries get their receipts, schemas go on", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp({ memoryBytesMax: 1 })
      const write = writeOf(table, [["a", "1"]], { key: "k" })
      assert.strictEqual(tell(yield* commit(opened, write)), "committed 2-2")
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["b", "1"]]))), "MEMORY_LIMIT")
      assert.strictEqual(tell(yield* commit(opened, write)), "duplicate 2-2")
      assert.strictEqual(yield* registerTable(opened, "y"), 2)
      assert.strictEqual(opened.mvcc.position(), 3)
    }))

  it.live("a frame that is too large is refused, alone of its group", () =>
    Effect.gen(function*() {
      const { gate, opened, table } = yield* setUp()
      const value = "x".repeat(8 * 1024 * 1024)
      const { groups, told } = yield* commitGroup(opened, gate, table, [
        writeOf(table, [["a", "1"]]),
        writeOf(table, Array.from({ length: 9 }, (_, i) => [`k${i}`, value] as const)),
        writeOf(table, [["b", "1"]])
      ])
      assert.deepStrictEqual(told, ["committed 3-3", "TOO_MANY_RECORDS", "committed 4-4"])
      assert.strictEqual(groups, 1)
    }))

  it.live("admission: requests wait their turn, the large ones too, and too many are refused", () =>
    Effect.gen(function*() {
      const { opened: { pipeline } } = yield* setUp()
      const mebibyte = 1024 * 1024
      const hold = yield* Deferred.make<void>()
      const order: Array<string> = []
      const enter = (name: string, bytes: number, effect: Effect.Effect<void> = Effect.void) =>
        Effect.forkChild(
          Effect.result(pipeline.admit(bytes, Effect.andThen(Effect.sync(() => order.push(name)), effect))),
          { startImmediately: true }
        )
      // 64 MiB may be in flight.
      const first = yield* enter("first", 60 * mebibyte, Deferred.await(hold))
      const large = yield* enter("large", 32 * mebibyte)
      const small = yield* enter("small", 1)
      yield* Effect.yieldNow
      assert.deepStrictEqual(order, ["first"])
      assert.strictEqual(pipeline.status().pendingBytes, 60 * mebibyte)
      // 256 MiB may wait.
      const many = yield* Effect.forEach(Array.from({ length: 7 }), () => enter("many", 32 * mebibyte))
      const refused = yield* Effect.result(pipeline.admit(1, Effect.void))
      assert.strictEqual(refused._tag === "Failure" && refused.failure.reason, "BACK_PRESSURE")
      yield* Deferred.succeed(hold, undefined)
      yield* Effect.forEach([first, large, small, ...many], Fiber.join)
      assert.deepStrictEqual(order.slice(0, 3), ["first", "large", "small"])
      assert.strictEqual(order.length, 10)
      assert.strictEqual(pipeline.status().pendingBytes, 0)
      // A request that is larger than all that may be in flight has it to itself.
      yield* pipeline.admit(500 * mebibyte, Effect.void)
      assert.strictEqual(tell(yield* Effect.result(pipeline.admit(1, Effect.succeed(receipt)))), "committed 1-1")
    }))

  it.live("admission: a failure and an interruption give their room back", () =>
    Effect.gen(function*() {
      const { opened: { pipeline } } = yield* setUp()
      const bytes = 64 * 1024 * 1024
      assert.strictEqual(yield* Effect.flip(pipeline.admit(bytes, Effect.fail("no"))), "no")
      const stuck = yield* Effect.forkChild(pipeline.admit(bytes, Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(stuck)
      yield* pipeline.admit(bytes, Effect.void)
      assert.strictEqual(pipeline.status().pendingBytes, 0)
    }))
})

const receipt: CommitReceipt = {
  outcome: "committed",
  firstPosition: at(1),
  lastPosition: at(1),
  commitTime: 1,
  durability: "FSYNCED"
}

describe("an end in the middle", () => {
  it.live("an interrupted caller does not undo a commit, and its rows are its own only after it", () =>
    Effect.gen(function*() {
      const { gate, opened, table } = yield* setUp()
      gate.close()
      const intent = writeOf(table, [["a", "1"]])
      let isReturned = false
      const fiber = yield* Effect.forkChild(
        Effect.onExit(opened.pipeline.commit(intent), () =>
          Effect.sync(() => {
            isReturned = true
          })),
        { startImmediately: true }
      )
      yield* gate.arrived(2)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow
      assert.isFalse(isReturned)
      assert.strictEqual(opened.pipeline.status().pendingRows, 1)
      gate.open()
      yield* Fiber.join(interrupting)
      assert.isTrue(isReturned)
      assert.strictEqual(valueAt(opened, table, "a", 9), "1")
      assert.strictEqual(opened.pipeline.status().pendingRows, 0)
    }))

  it.live("the close of the scope commits the group that was taken and answers all others", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const scope = yield* Scope.make()
      const gate = new Gate()
      const opened = yield* Scope.provide(openEngine(storage, { gate }), scope)
      const table = yield* registerTable(opened)
      gate.close()
      const taken = yield* Effect.forkChild(commit(opened, writeOf(table, [["a", "1"]])), { startImmediately: true })
      yield* gate.arrived(2)
      // More rows than one group takes: some of them wait for a second group.
      const rows = Array.from({ length: 30_000 }, (_, i) => [`k${i}`, ""] as const)
      const waiting = yield* Effect.forEach(
        Array.from({ length: 5 }),
        () => Effect.forkChild(commit(opened, writeOf(table, rows)), { startImmediately: true })
      )
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      gate.open()
      assert.strictEqual(tell(yield* Fiber.join(taken)), "committed 2-2")
      assert.deepStrictEqual(
        (yield* Effect.forEach(waiting, Fiber.join)).map(tell),
        Array.from({ length: 5 }, () => "DRAINING")
      )
      yield* Fiber.join(closing)
      assert.strictEqual(tell(yield* commit(opened, writeOf(table, [["b", "1"]]))), "DRAINING")
      assert.isDefined(opened.pipeline.status().stopped)
      const again = yield* openEngine(storage)
      assert.strictEqual(again.mvcc.position(), 2)
    }))

  it.live("a defect ends the pipeline, answers all, and is reported", () =>
    Effect.gen(function*() {
      const deaths: Array<string> = []
      const { gate, opened, table } = yield* Effect.provideService(setUp(), OnDaemonDeath, (name) =>
        Effect.sync(() => {
          deaths.push(name)
        }))
      const broken: Intent = {
        kind: "catalog",
        propose: () => {
          throw new Error("a defect")
        }
      }
      const { told } = yield* commitGroup(opened, gate, table, [
        writeOf(table, [["a", "1"]]),
        broken,
        writeOf(table, [["b", "1"]])
      ])
      assert.deepStrictEqual(told, ["UNEXPECTED", "UNEXPECTED", "UNEXPECTED"])
      while (deaths.length === 0) yield* Effect.yieldNow
      assert.deepStrictEqual(deaths, ["commit pipeline"])
      const { reason } = yield* Effect.flip(opened.pipeline.commit(writeOf(table, [["c", "1"]]))) as Effect.Effect<
        CommitError
      >
      assert.strictEqual(reason, "DRAINING")
      // What was durable is still there to be read.
      assert.strictEqual(valueAt(opened, table, "plug", 9), "")
      assert.isUndefined(valueAt(opened, table, "a", 9))
    }).pipe(quiet))
})
