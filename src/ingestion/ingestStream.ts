/**
 * An ingest stream: messages are decoded and committed as they come, several at a time, and answered in their order.
 *
 * The end of the messages means nothing: a cancelled call arrives as a clean end too. Only a commit message commits.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { Caller } from "../base/caller.ts"
import { messageBytesMax } from "../base/limits.ts"
import * as Position from "../base/position.ts"
import type { Durability } from "../mvcc/intent.ts"
import { type BatchReceipt, IngestionError, type IngestionService, type StreamAnswer } from "./Ingestion.ts"
import type { Meters } from "./meters.ts"
import { type IngestRequest, read, readStreamMessage } from "./requestReader.ts"

/**
 * Messages of one stream that are decoded or being committed at a time: more than one group takes, so that the next
 * group gathers while one is being synced.
 */
const messagesInFlightMax = 64

/** How long a stream that was committed waits for its client to end it. */
const endWaitMax = Duration.seconds(1)

/** What a client may have in flight beyond what was acknowledged. Flow control of HTTP/2 holds it to that. */
const creditBytes = messageBytesMax

/**
 * Writes the records of a request that was read; what every way in comes down to. `onQueued` is called when their
 * place among other writes is certain; never, where nothing is to be written.
 */
export type WriteRecords = (
  bytes: Uint8Array,
  request: IngestRequest,
  caller: Caller,
  onQueued?: () => void
) => Effect.Effect<BatchReceipt, IngestionError>

/** What a stream has come to. */
interface Progress {
  tenant: string
  table: string
  durability: Durability | undefined
  sequence: number
  messages: number
  committed: boolean
  /** Opens when the last message with records has its place: the next one comes after it. */
  turn: Latch.Latch
  /** The weakest level that a message's records have reached. */
  reached: Durability
  position: Position.Position
  accepted: number
  rejected: number
  bytes: number
}

/** Makes `IngestionService.ingestStream`. */
export const makeIngestStream =
  (write: WriteRecords, meters: Meters): IngestionService["ingestStream"] => (requests, caller) =>
    Stream.unwrap(Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => meters.activeStreams++),
        () => Effect.sync(() => meters.activeStreams--)
      )
      const startMillis = yield* Clock.currentTimeMillis
      const progress: Progress = {
        tenant: "",
        table: "",
        durability: undefined,
        sequence: 0,
        messages: 0,
        committed: false,
        turn: Latch.makeUnsafe(true),
        reached: "FSYNCED",
        position: Position.zero,
        accepted: 0,
        rejected: 0,
        bytes: 0
      }
      const committed = yield* Deferred.make<void>()
      return requests.pipe(
        Stream.mapEffect((bytes) => readMessage(bytes, progress)),
        Stream.mapEffect((step) => step(write, caller), { concurrency: messagesInFlightMax }),
        Stream.mapEffect((finish) => finish(progress, startMillis)),
        Stream.tap((answers) => isLast(answers) ? Deferred.succeed(committed, undefined) : Effect.void),
        Stream.flattenIterable,
        // Read on to the client's own end: a record behind the commit must not vanish without a word.
        Stream.interruptWhen(Effect.andThen(Deferred.await(committed), Effect.sleep(endWaitMax)))
      )
    }))

/** Runs once the steps of all messages before it are done: brings the progress up to date and says what to answer. */
type Finish = (
  progress: Progress,
  startMillis: number
) => Effect.Effect<ReadonlyArray<StreamAnswer>, IngestionError>

const isLast = (answers: ReadonlyArray<StreamAnswer>): boolean => answers.at(-1)?.kind === "stats"

/** Runs beside the steps of other messages. */
type Step = (write: WriteRecords, caller: Caller) => Effect.Effect<Finish, IngestionError>

/** Takes a message in its order. */
const readMessage = Effect.fnUntraced(function*(
  bytes: Uint8Array,
  progress: Progress
): Effect.fn.Return<Step, IngestionError> {
  const message = yield* read(() => readStreamMessage(bytes))
  // Said in its turn, behind the answer to the commit.
  if (progress.committed)
    return () => Effect.succeed(() => outOfOrder("commit: nothing may follow it; open another stream"))
  switch (message.kind) {
    case "init": {
      if (progress.messages > 0) return yield* outOfOrder("init: it must be the first message of the stream")
      if (message.durability === "REPLICATED") return yield* replicatedIsNotReached
      progress.messages++
      progress.tenant = message.tenant
      progress.table = message.table
      progress.durability = message.durability
      return () => Effect.succeed((now) => Effect.succeed([ack(now, 0)]))
    }
    case "commit":
      progress.messages++
      progress.committed = true
      return () => Effect.succeed(finishStream(progress.sequence))
    case "records": {
      progress.messages++
      const sequence = ++progress.sequence
      const { durability, table, tenant, turn: before } = progress
      const turn = progress.turn = Latch.makeUnsafe(false)
      const pass = () => {
        turn.openUnsafe()
      }
      const request: IngestRequest = {
        records: message.records,
        tenant,
        table,
        durability,
        idempotencyKey: "",
        transactional: false,
        expectedVersion: undefined
      }
      return (write, caller) =>
        Effect.map(
          Effect.ensuring(Effect.andThen(before.await, write(bytes, request, caller, pass)), Effect.sync(pass)),
          (receipt): Finish => (now) => {
            if (receipt.durability === "MEMORY") now.reached = "MEMORY"
            now.accepted += receipt.accepted
            now.rejected += receipt.rejected
            now.bytes += bytes.length
            if (receipt.lastPosition > now.position) now.position = receipt.lastPosition
            return Effect.succeed([
              ...receipt.errors.map((error): StreamAnswer => ({ kind: "error", sequence, error })),
              ack(now, sequence)
            ])
          }
        )
    }
  }
})

const replicatedIsNotReached = new IngestionError({
  reason: "DURABILITY_UNAVAILABLE",
  field: "init.durability",
  message: "init.durability: REPLICATED needs a log in an object store; this one reaches FSYNCED"
})

const outOfOrder = (message: string): IngestionError =>
  new IngestionError({ reason: "INVALID_VALUE", field: "message", message })

const ack = (progress: Progress, sequence: number, committed = false): StreamAnswer => ({
  kind: "ack",
  sequence,
  position: progress.position,
  creditBytes,
  durability: progress.reached,
  committed
})

const finishStream = (sequence: number): Finish => (progress, startMillis) =>
  Effect.map(Clock.currentTimeMillis, (nowMillis): ReadonlyArray<StreamAnswer> => [
    ack(progress, sequence, true),
    {
      kind: "stats",
      messages: progress.messages,
      accepted: progress.accepted,
      rejected: progress.rejected,
      bytes: progress.bytes,
      elapsedMillis: nowMillis - startMillis
    }
  ])
