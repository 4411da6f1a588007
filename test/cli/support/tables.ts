/** Tables of a running server, written and read byte by byte, with nothing of the command line. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { BinaryReader } from "@bufbuild/protobuf/wire"
import * as grpc from "@grpc/grpc-js"
import {
  IngestBatchRequestSchema,
  IngestBatchResponseSchema
} from "../../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryStreamRequestSchema } from "../../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import type { Dice } from "../../support/dice.ts"
import type { Document } from "../../support/randomSchema.ts"
import { validKind } from "../../support/randomValue.ts"
import { fieldBytes, recordBytes, type RecordParts, rowBytes } from "../../support/wireRecord.ts"
import type { Workplace } from "./varve.ts"

const clientOf = (url: string) =>
  new grpc.Client(new URL(url).host, grpc.credentials.createInsecure(), { "grpc.max_receive_message_length": -1 })

const asIs = (bytes: Buffer): Buffer => bytes

/** Writes records, all of which must be accepted. */
export const writeRecords = async (place: Workplace, table: string, records: ReadonlyArray<RecordParts>) => {
  const client = clientOf(place.environment.VARVE_INGESTION_URL)
  const rest = toBinary(IngestBatchRequestSchema, create(IngestBatchRequestSchema, { tenantId: "demo", table }))
  const request = Buffer.concat([rest, ...records.map((record) => fieldBytes(1, recordBytes(record)))])
  const bytes = await new Promise<Buffer>((resolve, reject) =>
    client.makeUnaryRequest(
      "/varve.v1.IngestionService/IngestBatch",
      asIs,
      asIs,
      request,
      (error, answer) => error === null ? resolve(answer!) : reject(error)
    )
  )
  client.close()
  const answer = fromBinary(IngestBatchResponseSchema, bytes)
  if (answer.rejected > 0) throw new Error(answer.errors.map(({ field, message }) => `${field}: ${message}`).join("\n"))
}

/**
 * The records of a table by their keys: of each the values, the event time and the metadata in the very bytes that the
 * server sent.
 */
export const readRecords = async (place: Workplace, table: string): Promise<ReadonlyMap<string, string>> => {
  const client = clientOf(place.environment.VARVE_QUERY_URL)
  const request = create(QueryStreamRequestSchema, { tenantId: "demo", table, typedRows: true })
  const call = client.makeServerStreamRequest(
    "/varve.v1.QueryService/QueryStream",
    asIs,
    asIs,
    Buffer.from(toBinary(QueryStreamRequestSchema, request))
  )
  const records = new Map<string, string>()
  for await (const message of call as AsyncIterable<Buffer>) {
    for (const record of fieldsOf(message, 2).flatMap((batch) => fieldsOf(batch, 1))) {
      const parts = [5, 6, 7].map((number) => fieldsOf(record, number).map((bytes) => bytes.toString("hex")))
      records.set(String(fieldsOf(record, 3)[0]), JSON.stringify(parts))
    }
  }
  client.close()
  return records
}

/** The contents of every field of a number that has a length. */
const fieldsOf = (message: Uint8Array, number: number): ReadonlyArray<Buffer> => {
  const reader = new BinaryReader(message)
  const found: Array<Buffer> = []
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === number) found.push(Buffer.from(reader.bytes()))
    else reader.skip(wireType, field)
  }
  return found
}

/** Random records of a table, each with a key of its own. */
export const randomRecords = (dice: Dice, { columns, key }: Document, count: number): ReadonlyArray<RecordParts> =>
  dice.times(count, (i) => ({
    ...(key === undefined ? { key: `${i}${dice.text(dice.below(12))}` } : {}),
    row: rowBytes(
      columns.map(({ name, nullable, type }) =>
        name === key
          ? type === "string"
            ? { case: "stringValue", value: `${i}${dice.text(4)}` }
            : { case: "intValue", value: BigInt(i - 9) }
          : nullable === true && dice.chance(0.25)
          ? undefined
          : validKind(dice, type)
      )
    ),
    ...(dice.chance(0.5)
      ? { timestamp: { seconds: BigInt(dice.below(2 ** 33)) - 2n ** 32n, nanos: dice.below(1_000_000) * 1000 } }
      : {}),
    ...(dice.chance(0.4)
      ? {
        metadata: dice.pick(
          [
            [["source", "test"]],
            [["", ""], ["__proto__", dice.text(3)], ["7", "\u0000\"\\\n"]]
          ] as const
        )
      }
      : {})
  }))
