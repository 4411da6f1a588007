/**
 * The client's side of `IngestStream`: several messages in flight, held back by the server's credit and by HTTP/2, and
 * answers matched with the messages that they are about.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import type * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  IngestionService,
  type IngestStreamAck,
  IngestStreamRequestSchema,
  IngestStreamResponseSchema,
  type IngestStreamStats
} from "../../transport/grpc/generated/varve/v1/ingestion_pb.ts"
import type { ErrorDetail } from "../../transport/grpc/generated/varve/v1/record_pb.ts"
import { CommandFailure } from "../failure.ts"
import { pathOf } from "./call.ts"
import { callFailure } from "./callFailure.ts"
import type { Connection } from "./Connection.ts"

/** Most bytes in flight, whatever the server would take: enough to keep it busy, little to keep in memory. */
const bytesInFlightMax = 4 * 1024 * 1024

/** What happens to messages; `A` is what the sender knows a message by. */
export interface StreamEvents<A> {
  /** The message was decided: its records are committed, or were rejected before. */
  readonly onAcknowledged: (message: A, ack: IngestStreamAck) => void
  /** A record of the message was rejected. */
  readonly onRejected: (message: A, error: ErrorDetail) => void
}

/** An open stream. It fails as a whole, with what the server said, wherever it is waited for. */
export interface IngestStream<A> {
  /** Sends a message with records, once it may. */
  readonly send: (bytes: Buffer, message: A) => Effect.Effect<void, CommandFailure>
  /** Commits, and waits until everything was decided. */
  readonly finish: Effect.Effect<IngestStreamStats, CommandFailure>
}

interface InFlight<A> {
  readonly sequence: number
  readonly bytes: number
  readonly message: A
}

const encode = (request: MessageInitShape<typeof IngestStreamRequestSchema>): Buffer =>
  Buffer.from(toBinary(IngestStreamRequestSchema, create(IngestStreamRequestSchema, request)))

/** Matches answers with messages. Everything here runs in callbacks of the call. */
class Exchange<A> {
  private readonly events: StreamEvents<A>
  private readonly inFlight: Array<InFlight<A>> = []
  private bytesInFlight = 0
  private creditBytes = bytesInFlightMax
  private sequence = 0
  private wake: (() => void) | undefined
  /** False from a write that HTTP/2 holds back until it has gone out. */
  isDrained = true
  failure: CommandFailure | undefined
  stats: IngestStreamStats | undefined

  constructor(events: StreamEvents<A>) {
    this.events = events
  }

  /** Whether a message of so many bytes may go out. One always may, whatever its size. */
  mayFly(bytes: number): boolean {
    const limit = Math.min(this.creditBytes, bytesInFlightMax)
    return this.isDrained && (this.inFlight.length === 0 || this.bytesInFlight + bytes <= limit)
  }

  depart(bytes: number, message: A): void {
    this.inFlight.push({ sequence: ++this.sequence, bytes, message })
    this.bytesInFlight += bytes
  }

  /** Takes an answer. */
  receive(bytes: Buffer): void {
    const { message: answer } = fromBinary(IngestStreamResponseSchema, bytes)
    if (answer.case === "ack") this.acknowledge(answer.value)
    else if (answer.case === "error") {
      const sequence = Number(answer.value.sequence)
      const found = this.inFlight.find((message) => message.sequence === sequence)
      if (found !== undefined && answer.value.error !== undefined)
        this.events.onRejected(found.message, answer.value.error)
    } else if (answer.case === "stats") this.stats = answer.value
    this.changed()
  }

  private acknowledge(ack: IngestStreamAck): void {
    const through = Number(ack.sequence)
    this.creditBytes = Number(ack.creditBytes)
    while (this.inFlight.length > 0 && this.inFlight[0].sequence <= through) {
      const { bytes, message } = this.inFlight.shift()!
      this.bytesInFlight -= bytes
      this.events.onAcknowledged(message, ack)
    }
  }

  changed(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  /** Waits until a condition holds, which is looked at again after every event of the call. */
  until(condition: () => boolean): Effect.Effect<void, CommandFailure> {
    return Effect.suspend(() => {
      if (this.failure !== undefined) return Effect.fail(this.failure)
      if (condition()) return Effect.void
      return Effect.andThen(
        Effect.callback<void>((resume) => {
          this.wake = () => resume(Effect.void)
        }),
        this.until(condition)
      )
    })
  }
}

/** Opens a stream for one table until the scope closes, which cancels it. */
export const openIngestStream = Effect.fnUntraced(
  function*<A>(
    connection: Connection,
    target: { readonly tenant: string; readonly table: string },
    events: StreamEvents<A>
  ): Effect.fn.Return<IngestStream<A>, never, Scope.Scope> {
    const exchange = new Exchange(events)
    const call = yield* Effect.acquireRelease(
      Effect.sync(() =>
        connection.client.makeBidiStreamRequest(
          pathOf(IngestionService.method.ingestStream),
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          connection.metadata
        )
      ),
      (call) => Effect.sync(() => call.cancel())
    )
    call.on("data", (bytes: Buffer) => exchange.receive(bytes))
    call.on("drain", () => {
      exchange.isDrained = true
      exchange.changed()
    })
    call.on("error", (error: grpc.ServiceError) => {
      exchange.failure ??= callFailure(connection, error)
      exchange.changed()
    })
    call.on("end", () => {
      if (exchange.stats === undefined) {
        exchange.failure ??= new CommandFailure({
          message: `${connection.url} ended the stream before everything was acknowledged; send the rest again`,
          exitCode: 3,
          reason: "UNREACHABLE"
        })
      }
      exchange.changed()
    })
    call.write(encode({ message: { case: "init", value: { tenantId: target.tenant, table: target.table } } }))
    return {
      send: (bytes, message) =>
        Effect.map(exchange.until(() => exchange.mayFly(bytes.length)), () => {
          exchange.depart(bytes.length, message)
          exchange.isDrained = call.write(bytes)
        }),
      finish: Effect.suspend(() => {
        call.write(encode({ message: { case: "commit", value: {} } }))
        call.end()
        return Effect.map(exchange.until(() => exchange.stats !== undefined), () => exchange.stats!)
      })
    }
  }
)
