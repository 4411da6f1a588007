/** Sends the rows of an input to a table, and keeps account of each of them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Problem } from "../../schema/problem.ts"
import type { TableSchema } from "../../schema/types.ts"
import type { Value } from "../../schema/value.ts"
import type { ErrorDetail } from "../../transport/grpc/generated/varve/v1/record_pb.ts"
import type { RegisteredSchema, Target } from "../client/catalog.ts"
import type { Connection } from "../client/Connection.ts"
import { type IngestStream, openIngestStream, type StreamEvents } from "../client/IngestStream.ts"
import { RecordWriter } from "../client/RecordWriter.ts"
import { type CommandFailure, reword } from "../failure.ts"
import { countOf, formatCount } from "../output/numbers.ts"
import type { Input, RowBatch } from "./Input.ts"
import type { ProgressState } from "./progress.ts"
import type { RecordPlan } from "./recordPlan.ts"
import type { Rejects } from "./Rejects.ts"

/** A message is sent at this size, however few records it has. */
const messageBytes = 512 * 1024

/** A message that was sent, with the rows that its records are. */
interface SentMessage {
  readonly batches: ReadonlyArray<RowBatch>
  readonly indexes: ReadonlyArray<number>
  readonly lastLine: number
  readonly progress: number
  rejected: number
}

/** What became of the rows so far. */
export class Account implements ProgressState, StreamEvents<SentMessage> {
  private readonly rejects: Rejects
  progress = 0
  accepted = 0
  /** The last line all of whose rows before it, and itself, were decided. */
  line = 0
  position = 0n

  constructor(rejects: Rejects) {
    this.rejects = rejects
  }

  get rejected(): number {
    return this.rejects.count
  }

  reject(batch: RowBatch, index: number, { field, message, reason }: Problem): void {
    this.rejects.add({ line: batch.line(index), reason, field, message, text: batch.text(index) })
  }

  onAcknowledged(message: SentMessage, { position }: { readonly position: bigint }): void {
    this.accepted += message.indexes.length - message.rejected
    this.progress = message.progress
    this.line = message.lastLine
    this.position = position
    this.rejects.flush()
  }

  onRejected(message: SentMessage, { field, index, message: text, reason }: ErrorDetail): void {
    message.rejected++
    const name = field.replace(/^row\./, "")
    this.reject(message.batches[index], message.indexes[index], {
      reason: reason as Problem["reason"],
      field: name,
      message: text.startsWith(`${field}: `) ? text.slice(field.length + 2) : text
    })
  }
}

/** What to send where. */
export interface SendOptions {
  readonly connection: Connection
  readonly target: Target
  readonly registered: RegisteredSchema
  /** What rows are read by: the registered schema, or that and more. */
  readonly rowSchema: TableSchema
  readonly input: Input
  readonly plan: RecordPlan
  /** Records of a message. */
  readonly batchSize: number
  readonly account: Account
}

/** Gathers rows into messages. */
class Gatherer {
  private readonly options: SendOptions
  private readonly writer: RecordWriter
  private readonly values: Array<Value>
  private batches: Array<RowBatch> = []
  private indexes: Array<number> = []
  private row = 0

  constructor(options: SendOptions) {
    this.options = options
    const { registered: { schema, version }, rowSchema } = options
    this.writer = new RecordWriter(schema.columns, version)
    this.values = rowSchema.columns.map(() => null)
  }

  /** Takes rows from `from` on until a message is full or the batch ends; returns the index behind the last one. */
  private take(batch: RowBatch, from: number): number {
    const { account, plan } = this.options
    let index = from
    for (; index < batch.count && !this.isFull; index++) {
      this.row++
      const problem = batch.read(index, this.values) ?? plan.write(this.writer, this.values, this.row)
      if (problem !== undefined) account.reject(batch, index, problem)
      else {
        this.batches.push(batch)
        this.indexes.push(index)
      }
    }
    return index
  }

  private get isFull(): boolean {
    return this.writer.count >= this.options.batchSize || this.writer.length >= messageBytes
  }

  /** Takes all rows of a batch, and sends each message that becomes full. */
  readonly sendAll = Effect.fnUntraced({ self: this }, function*(batch: RowBatch, stream: IngestStream<SentMessage>) {
    for (let index = 0; index < batch.count;) {
      index = this.take(batch, index)
      if (this.isFull) yield* this.send(stream)
    }
  })

  /** Sends what was gathered. */
  send(stream: IngestStream<SentMessage>): Effect.Effect<void, CommandFailure> {
    const { batches, indexes } = this
    if (indexes.length === 0) return Effect.void
    const last = batches[batches.length - 1]
    const lastIndex = indexes[indexes.length - 1]
    this.batches = []
    this.indexes = []
    return stream.send(this.writer.finish(), {
      batches,
      indexes,
      lastLine: last.line(lastIndex),
      progress: last.progress(lastIndex),
      rejected: 0
    })
  }
}

/** What was safe when sending ended early, and the way on. */
export const describeAccount = ({ account, input }: Pick<SendOptions, "account" | "input">): string =>
  account.line === 0
    ? "nothing was acknowledged; run the same command again"
    : `everything up to ${input.unit} ${formatCount(account.line)} was acknowledged, ${
      countOf(account.accepted, "record")
    } of it accepted; run the same command again: it writes the same keys, so no record is doubled`

const withAccount = (failure: CommandFailure, options: SendOptions): CommandFailure =>
  reword(failure, `${failure.message}\n${describeAccount(options)}`)

/**
 * Sends all rows and waits until each was decided. Rows that are wrong are rejected, and the others sent; so are those
 * before a place where the input cannot be read on. Where the server goes away, the failure says up to which line
 * everything was acknowledged.
 */
export const sendRows = (options: SendOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { account, connection, input, rowSchema, target } = options
    let unreadable: CommandFailure | undefined
    const rows = Stream.catch(input.rows(rowSchema), (failure) => {
      unreadable = failure
      return Stream.empty
    })
    const gatherer = new Gatherer(options)
    yield* Effect.gen(function*() {
      const stream = yield* openIngestStream<SentMessage>(connection, target, account)
      yield* Stream.runForEach(rows, (batch) => gatherer.sendAll(batch, stream))
      yield* gatherer.send(stream)
      yield* stream.finish
    }).pipe(Effect.scoped, Effect.mapError((failure) => withAccount(failure, options)))
    if (unreadable !== undefined) return yield* unreadable
  })
