/** Pages: together they are the whole of one snapshot, whatever is written meanwhile; a cursor fits its own request only. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import type { OrderBy, PageAnswer, QueryRequest } from "../../src/query/Query.ts"
import { isNested } from "../../src/schema/types.ts"
import { anyone, Dataset, read, refused, run } from "./support/dataset.ts"
import { newDataset, newFilter, newRow, spread } from "./support/generate.ts"
import { columnsOf, find } from "./support/model.ts"
import { Random, seedOf } from "./support/random.ts"

const seed = seedOf(77)

const first: QueryRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: ["_position"],
  orderBy: [],
  limit: 10,
  offset: 0,
  cursor: ""
}

const keysOf = ({ records }: PageAnswer) => records.map(({ key, position }) => `${key}@${position}`)

describe(`pages (VARVE_SEED=${seed})`, () => {
  it("neither skip nor repeat rows while rows are written", async () => {
    const random = new Random(seed)
    for (let round = 0; round < 30; round++) {
      const placement = random.pick(["memory", "spread"] as const)
      const dataset = newDataset(random, 400, random.pick([3_000, 50_000]), placement)
      const query = dataset.query()
      const filter = random.chance(0.3) ? undefined : newFilter(random, dataset, 2)
      const columns = columnsOf(dataset.table).filter(({ type }) => !isNested(type))
      const orderBy: ReadonlyArray<OrderBy> = Array.from({ length: random.integer(4) }, () => ({
        column: random.pick(columns).name,
        descending: random.chance(0.5)
      }))
      const expected = find(dataset.table, dataset.rowsAt(Position.max), filter, orderBy)
      const position = dataset.state.position
      const limit = 1 + random.integer(60)
      const offset = random.integer(5)
      const found: Array<string> = []
      let cursor = ""
      do {
        const page = await run(query.query({ ...first, filter, orderBy, limit, offset, cursor }, anyone))
        expect(page.position).toBe(position)
        expect(page.records.length).toBeLessThanOrEqual(limit)
        found.push(...keysOf(page))
        cursor = page.nextCursor
        dataset.write(Array.from({ length: 20 }, () => newRow(random, dataset, 130)))
        if (placement === "spread") spread(random, dataset)
      } while (cursor !== "")
      expect({ round, found }).toEqual({
        round,
        found: expected.slice(offset).map(({ key, position }) => `${key}@${position}`)
      })
    }
  })

  it("end where the rows end: a last page that is full has no cursor", async () => {
    const dataset = new Dataset(1e6)
    dataset.register({ columns: [{ name: "n", type: "int32" }] })
    dataset.write(Array.from({ length: 20 }, (_, n) => ({ key: `k${n}`, values: { n } })))
    const query = dataset.query()
    const one = await run(query.query(first, anyone))
    const two = await run(query.query({ ...first, cursor: one.nextCursor }, anyone))
    expect([one.records.length, two.records.length, two.nextCursor]).toEqual([10, 10, ""])
  })

  it("are kept apart by what was asked: INVALID_CURSOR", async () => {
    const dataset = newDataset(new Random(seed), 200, 1e6)
    const query = dataset.query()
    const { nextCursor: cursor } = await run(query.query(first, anyone))
    const order = [{ column: "score", descending: true }]
    const damaged = `${cursor.slice(0, 10)}${cursor[10] === "A" ? "B" : "A"}${cursor.slice(11)}`
    const rewritten = (change: (parsed: { p: unknown; l: Array<unknown>; v: number }) => void): string => {
      const parsed = JSON.parse(Buffer.from(cursor, "base64url").toString()) as Parameters<typeof change>[0]
      change(parsed)
      return Buffer.from(JSON.stringify(parsed)).toString("base64url")
    }
    const others: ReadonlyArray<Partial<QueryRequest>> = [
      { where: "score > 1" },
      { orderBy: order },
      { asOf: { kind: "position", position: Position.make(5) } },
      { cursor: "nonsense" },
      { cursor: "!!!" },
      { cursor: Buffer.from("null").toString("base64url") },
      { cursor: damaged },
      { cursor: rewritten((parsed) => parsed.p = Number.MAX_SAFE_INTEGER) },
      { cursor: rewritten((parsed) => parsed.p = -1) },
      { cursor: rewritten((parsed) => parsed.l = []) },
      { cursor: rewritten((parsed) => parsed.l = [{}]) },
      { cursor: rewritten((parsed) => parsed.v = 2) }
    ]
    for (const other of others) {
      const error = await refused(query.query({ ...first, cursor, ...other }, anyone))
      expect({ other, reason: error.reason, field: error.field }).toEqual({
        other,
        reason: "INVALID_CURSOR",
        field: "cursor"
      })
    }
    const history = query.getHistory({ ...read, key: dataset.versions[0].key, select: [], limit: 1, cursor }, anyone)
    expect((await refused(history)).reason).toBe("INVALID_CURSOR")
    // The page's size and columns may change on the way.
    const wider = await run(query.query({ ...first, cursor, limit: 20, select: ["score"] }, anyone))
    expect(wider.records.length).toBe(20)
  })

  it("have limits", async () => {
    const dataset = newDataset(new Random(seed), 50, 1e6)
    const query = dataset.query()
    const cases: ReadonlyArray<[Partial<QueryRequest>, string]> = [
      [{ limit: 100_001 }, "limit"],
      [{ limit: -1 }, "limit"],
      [{ offset: 1_000_001 }, "offset"]
    ]
    for (const [change, field] of cases) {
      const error = await refused(query.query({ ...first, ...change }, anyone))
      expect([error.reason, error.field]).toEqual(["VALUE_OUT_OF_RANGE", field])
    }
    const beyond = await run(Effect.map(query.query({ ...first, offset: 1_000_000 }, anyone), keysOf))
    expect(beyond).toEqual([])
  })
})
