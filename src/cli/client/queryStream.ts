/** Streams of records: all that match at one snapshot, in batches. */
import type { MessageInitShape } from "@bufbuild/protobuf"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  QueryService,
  type QueryStats,
  type QueryStreamRequestSchema,
  type ResultColumn
} from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { CommandFailure } from "../failure.ts"
import { serverStream } from "./call.ts"
import type { Connection } from "./Connection.ts"
import { streamMessageReader } from "./records.ts"

/** An answer as it comes: what it says of itself first, then batches. */
export interface QueryStream<A> {
  readonly columns: ReadonlyArray<ResultColumn>
  /** The snapshot's position. */
  readonly position: bigint
  /** Fails where the answer ends before it is complete. */
  readonly batches: Stream.Stream<A, CommandFailure>
  /** Known when all batches were read. */
  readonly stats: () => QueryStats | undefined
}

const incomplete = (connection: Connection) =>
  new CommandFailure({
    message: `${connection.url} ended the answer before it was complete; ask again`,
    exitCode: 3,
    reason: "UNREACHABLE"
  })

/**
 * Asks, and waits for the answer's header. `readBatch` reads the bytes of a batch from `start` on, and throws on bytes
 * that are none.
 */
export const openQueryStream = Effect.fnUntraced(
  function*<A extends object>(
    connection: Connection,
    request: MessageInitShape<typeof QueryStreamRequestSchema>,
    readBatch: (bytes: Buffer, start: number) => A
  ): Effect.fn.Return<QueryStream<A>, CommandFailure, Scope.Scope> {
    const messages = serverStream(
      connection,
      QueryService.method.queryStream,
      request,
      streamMessageReader(readBatch)
    )
    const pull = yield* Stream.toPull(messages)
    let stats: QueryStats | undefined
    const [first, ...others] = yield* Effect.catchTag(pull, "Done", () => Effect.fail(incomplete(connection)))
    if (first.kind !== "header") return yield* incomplete(connection)
    const { columns, position } = first.header
    const batches = Stream.concat(Stream.fromIterable(others), Stream.fromPull(Effect.succeed(pull))).pipe(
      Stream.map((message) => {
        if (message.kind === "summary") stats = message.summary.stats
        return message.kind === "batch" ? message.batch : undefined
      }),
      Stream.filter((batch) => batch !== undefined),
      // Without the summary, which comes last, something is missing.
      Stream.concat(Stream.suspend(() => stats === undefined ? Stream.fail(incomplete(connection)) : Stream.empty))
    )
    return { columns, position, batches, stats: () => stats }
  }
)
