/** The benchmark, small, so that it does not rot. */
import { expect, it } from "vitest"
import { benchStorage } from "../../bench/storage.ts"

it("measures each step in the life of data", async () => {
  const figures = await benchStorage({ rows: 30_000, reads: 100, sets: "" }, () => {})
  expect(new Set(figures.map(({ set }) => set)).size).toBe(5)
  expect(figures.filter(({ value }) => !(value > 0))).toEqual([])
})
