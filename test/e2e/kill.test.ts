/**
 * Zero loss: a server is killed by SIGKILL at random moments while clients write in every way there is. After each
 * restart, every acknowledged record is there at its position, and no transactional batch is half there.
 *
 * `VARVE_KILL_ROUNDS=200 npx vitest run test/e2e/kill.test.ts` is the long form (`npm run test:kill`);
 * `VARVE_KILL_SEED` repeats a run.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import {
  IngestionService,
  IngestStreamRequestSchema,
  IngestStreamResponseSchema
} from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { makeDirectory, type Program, start } from "../transport/support/program.ts"
import { Client } from "./support/client.ts"

const rounds = Number(process.env.VARVE_KILL_ROUNDS ?? 6)
const seed = Number(process.env.VARVE_KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** What was promised to the clients, and what they tried. */
class Promises {
  /** Key to position, of records that were acknowledged. */
  readonly records = new Map<string, bigint>()
  /** Every transactional batch that was sent, acknowledged or not. */
  readonly batches = new Set<string>()
}

const batchRows = 40

const definition = JSON.stringify({
  columns: [
    { name: "batch", type: "string" },
    { name: "number", type: "int64" },
    { name: "note", type: "string", nullable: true }
  ]
})

const makeRandom = (from: number) => {
  let state = from >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

const record = (key: string, batch: string, number: number) => ({
  tenantId: "bank",
  table: "payments",
  key,
  payload: { case: "data" as const, value: { batch, number, note: "x".repeat(number % 60) } }
})

/** Writes single records until the server is gone. */
const writeRecords = async (client: Client, name: string, promises: Promises): Promise<void> => {
  for (let n = 0;; n++) {
    const key = `${name}-${n}`
    const { position } = await client.call(IngestionService.method.ingestRecord, { record: record(key, "", n) })
    promises.records.set(key, position)
  }
}

/** Writes transactional batches until the server is gone. */
const writeTransactions = async (client: Client, name: string, promises: Promises): Promise<void> => {
  for (let n = 0;; n++) {
    const batch = `${name}-${n}`
    promises.batches.add(batch)
    const records = Array.from({ length: batchRows }, (_, i) => record(`${batch}-${i}`, batch, i))
    const answer = await client.call(IngestionService.method.ingestBatch, { records, transactional: true })
    assert.strictEqual(answer.accepted, batchRows)
    for (let i = 0; i < batchRows; i++) promises.records.set(`${batch}-${i}`, answer.firstPosition + BigInt(i))
  }
}

/** Writes batches under idempotency keys, each of them twice, until the server is gone. */
const writeTwice = async (client: Client, name: string, promises: Promises): Promise<void> => {
  for (let n = 0;; n++) {
    const request = {
      records: Array.from({ length: 10 }, (_, i) => record(`${name}-${n}-${i}`, "", i)),
      idempotencyKey: `${name}-${n}`
    }
    const first = await client.call(IngestionService.method.ingestBatch, request)
    for (let i = 0; i < 10; i++) promises.records.set(`${name}-${n}-${i}`, first.firstPosition + BigInt(i))
    const second = await client.call(IngestionService.method.ingestBatch, request)
    assert.strictEqual(second.duplicate, true)
    assert.strictEqual(second.firstPosition, first.firstPosition)
  }
}

/** Streams messages, several in flight, until the server is gone. Positions are known of acknowledged messages. */
const writeStream = (client: Client, name: string, promises: Promises): Promise<void> =>
  new Promise((_, reject) => {
    const identity = (bytes: Buffer): Buffer => bytes
    const call = client.grpc.makeBidiStreamRequest(
      "/varve.v1.IngestionService/IngestStream",
      identity,
      identity
    )
    let sent = 0
    const send = (): void => {
      sent++
      const records = Array.from({ length: 20 }, (_, i) => record(`${name}-${sent}-${i}`, "", i))
      const message = create(IngestStreamRequestSchema, { message: { case: "records", value: { records } } })
      call.write(Buffer.from(toBinary(IngestStreamRequestSchema, message)))
    }
    call.on("data", (bytes: Buffer) => {
      const { message } = fromBinary(IngestStreamResponseSchema, bytes)
      if (message.case !== "ack") return reject(new Error(`the stream answered ${message.case}`))
      for (let i = 0; i < 20; i++) promises.records.set(`${name}-${message.value.sequence}-${i}`, 0n)
      send()
    })
    call.on("error", reject)
    call.on("end", () => reject(new Error("the stream ended")))
    for (let i = 0; i < 4; i++) send()
  })

/** Whether an error is that of a server that is gone; anything else is a fault. */
const isGone = (error: unknown): boolean =>
  (error as grpc.ServiceError).code === grpc.status.UNAVAILABLE ||
  (error as grpc.ServiceError).code === grpc.status.CANCELLED ||
  (error as Error).message === "the stream ended"

/** Every record whose version is behind a position. */
const readBehind = (
  position: bigint,
  client: Client
): Promise<Map<string, { readonly position: bigint; readonly batch: string }>> =>
  new Promise((resolve, reject) => {
    const { queryStream } = QueryService.method
    const request = create(queryStream.input, { tenantId: "bank", table: "payments", where: `_position > ${position}` })
    const found = new Map<string, { position: bigint; batch: string }>()
    const call = client.grpc.makeServerStreamRequest(
      `/${queryStream.parent.typeName}/${queryStream.name}`,
      (value: Buffer) => value,
      (value: Buffer) => value,
      Buffer.from(toBinary(queryStream.input, request))
    )
    let isComplete = false
    call.on("data", (bytes: Buffer) => {
      const { message } = fromBinary(queryStream.output, bytes)
      if (message.case === "summary") isComplete = true
      if (message.case !== "batch") return
      for (const { key, payload, position } of message.value.records) {
        const batch = payload.case === "data" && typeof payload.value.batch === "string" ? payload.value.batch : ""
        if (found.has(key)) reject(new Error(`${key} was answered twice`))
        found.set(key, { position, batch })
      }
    })
    call.on("error", reject)
    call.on("end", () => isComplete ? resolve(found) : reject(new Error("the answer is not complete")))
  })

/** Holds what is there behind a position against what was promised of it; returns the last position that is there. */
const verify = async (program: Program, promises: Promises, position: bigint): Promise<bigint> => {
  const { query } = await program.ports
  const client = new Client(query)
  const found = await readBehind(position, client)
  client.close()
  for (const [key, position] of promises.records) {
    const there = found.get(key)
    assert(there !== undefined, `${key} was acknowledged and is lost (seed ${seed})`)
    if (position > 0n) assert.strictEqual(there.position, position, `${key} has moved (seed ${seed})`)
  }
  const rows = new Map<string, number>()
  for (const { batch } of found.values()) rows.set(batch, (rows.get(batch) ?? 0) + 1)
  for (const batch of promises.batches) {
    const count = rows.get(batch) ?? 0
    assert(
      count === 0 || count === batchRows,
      `${count} of ${batchRows} rows of batch ${batch} are there (seed ${seed})`
    )
  }
  let last = position
  for (const { position } of found.values()) if (position > last) last = position
  return last
}

describe("kill -9", () => {
  it(
    `loses nothing in ${rounds} rounds, and tears no transaction`,
    async () => {
      console.log(`kill test: ${rounds} rounds, VARVE_KILL_SEED=${seed}`)
      const random = makeRandom(seed)
      const directory = makeDirectory()
      const all = new Promises()
      const serve = () => start(["serve", "--data-dir", directory])

      let program = serve()
      const admin = new Client((await program.ports).query)
      await admin.call(AdminService.method.createTenant, { tenantId: "bank", name: "" })
      await admin.call(AdminService.method.registerSchema, { tenantId: "bank", table: "payments", definition })
      admin.close()

      let verified = 0n
      for (let round = 0; round < rounds; round++) {
        const promises = new Promises()
        const { ingestion } = await program.ports
        const clients = Array.from({ length: 6 }, () => new Client(ingestion))
        const writers = [
          writeRecords(clients[0], `r${round}a`, promises),
          writeRecords(clients[1], `r${round}b`, promises),
          writeTransactions(clients[2], `r${round}c`, promises),
          writeTransactions(clients[3], `r${round}d`, promises),
          writeTwice(clients[4], `r${round}e`, promises),
          writeStream(clients[5], `r${round}f`, promises)
        ]
        const ends = Promise.allSettled(writers)
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * 600))
        program.process.kill("SIGKILL")
        await program.ended
        for (const end of await ends) {
          if (end.status === "rejected" && !isGone(end.reason)) throw end.reason
        }
        for (const client of clients) client.close()
        program = serve()
        verified = await verify(program, promises, verified)
        for (const [key, position] of promises.records) all.records.set(key, position)
        for (const batch of promises.batches) all.batches.add(batch)
      }
      // Each round looked at what it wrote; now at everything that any round was promised.
      await verify(program, all, 0n)
      console.log(`kill test: ${all.records.size} acknowledged records, ${all.batches.size} transactions`)
      assert(all.records.size > rounds, "the writers wrote")
      program.process.kill("SIGTERM")
      assert.strictEqual((await program.ended).code, 0)
    },
    60_000 + rounds * 20_000
  )
})
