/** Streamed records read straight off the wire against the same bytes decoded by generated code. */
import { create, fromJson, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import { plainRecord, readBatch, streamMessageReader } from "../../src/cli/client/records.ts"
import { QueryStreamResponseSchema } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { DataRecordSchema, type TypedValueSchema } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"

type TypedValue = MessageInitShape<typeof TypedValueSchema>

const int64 = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n }))
const Instant = Schema.Struct({
  seconds: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -62_135_596_800n, maximum: 253_402_300_799n })),
  nanos: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999_999_999 }))
})
const Text = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed()))

const Value = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("null") }),
  Schema.Struct({ kind: Schema.Literal("bool"), value: Schema.Boolean }),
  Schema.Struct({ kind: Schema.Literal("int"), value: int64 }),
  Schema.Struct({ kind: Schema.Literal("double"), value: Schema.Finite }),
  Schema.Struct({ kind: Schema.Literal("string"), value: Text }),
  Schema.Struct({ kind: Schema.Literal("bytes"), value: Schema.Uint8Array }),
  Schema.Struct({ kind: Schema.Literal("timestamp"), value: Instant }),
  Schema.Struct({ kind: Schema.Literal("json"), value: Schema.Array(Schema.NullOr(Text)) })
])

const Record = Schema.Struct({
  key: Text,
  position: Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 2n ** 60n })),
  timestamp: Schema.NullOr(Instant),
  commitTime: Schema.NullOr(Instant),
  metadata: Schema.Array(Schema.Tuple([Schema.Literals(["a", "b", "ü"]), Text])),
  deleted: Schema.Boolean,
  values: Schema.NullOr(Schema.Array(Value))
})

const typedValue = (value: typeof Value.Type): TypedValue => {
  switch (value.kind) {
    case "null":
      return {}
    case "json":
      return { kind: { case: "jsonValue", value: fromJson(ValueSchema, [...value.value]) } }
    case "bytes":
      return { kind: { case: "bytesValue", value: new Uint8Array(value.value) } }
    default:
      return { kind: { case: `${value.kind}Value`, value: value.value } } as TypedValue
  }
}

const message = ({ commitTime, metadata, timestamp, values, ...rest }: typeof Record.Type) =>
  create(DataRecordSchema, {
    ...rest,
    tenantId: "t",
    table: "x",
    schemaVersion: 3,
    metadata: Object.fromEntries(metadata),
    ...(timestamp === null ? {} : { timestamp }),
    ...(commitTime === null ? {} : { commitTime }),
    ...(values === null ? {} : { payload: { case: "row", value: { values: values.map(typedValue) } } })
  })

const readStreamMessage = streamMessageReader(readBatch)

describe("streamMessageReader", () => {
  it.prop("reads batches as generated code does", { records: Schema.Array(Record) }, ({ records }) => {
    const messages = records.map(message)
    const bytes = toBinary(
      QueryStreamResponseSchema,
      create(QueryStreamResponseSchema, { message: { case: "batch", value: { records: messages } } })
    )
    return isDeepStrictEqual(readStreamMessage(Buffer.from(bytes)), {
      kind: "batch",
      batch: messages.map(plainRecord)
    })
  })

  it("reads headers and summaries, and leaves out what it does not know", () => {
    const encode = (value: MessageInitShape<typeof QueryStreamResponseSchema>) =>
      Buffer.from(toBinary(QueryStreamResponseSchema, create(QueryStreamResponseSchema, value)))
    const header = encode({
      message: { case: "header", value: { position: 7n, columns: [{ name: "a", type: "int32" }] } }
    })
    expect(readStreamMessage(header)).toMatchObject({ kind: "header", header: { position: 7n } })
    expect(readStreamMessage(encode({ message: { case: "summary", value: {} } }))).toMatchObject({ kind: "summary" })
    expect(readStreamMessage(Buffer.alloc(0))).toEqual({ kind: "unknown" })
    // Field 15, of a later version, in the batch and in the record.
    const later = Buffer.from([0x12, 9, 0x7a, 1, 0, 0x0a, 4, 0x1a, 2, 0x6b, 0x31])
    expect(readStreamMessage(later)).toMatchObject({ kind: "batch", batch: [{ key: "k1" }] })
  })

  it.each([
    [[0x12, 3, 0x0a, 4, 0x1a]],
    [[0x12, 2, 0x0a, 0x80]],
    [[0x12, 4, 0x0a, 2, 0x2a, 0xff]],
    [[0x12, 6, 0x0a, 4, 0x2a, 2, 0x0a, 3]],
    [[0xff, 0xff]]
  ])("refuses %j", (bytes) => {
    expect(() => readStreamMessage(Buffer.from(bytes))).toThrow(
      /the answer's bytes are no varve\.v1\.QueryStreamResponse|invalid|premature/
    )
  })
})
