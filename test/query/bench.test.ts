/** The benchmark, small, so that it does not rot. */
import { expect, it } from "vitest"
import { benchQuery } from "../../bench/query.ts"

it("measures every read", async () => {
  const figures = await benchQuery({ rows: 20_000, runs: 1, gets: 100 })
  expect(figures.length).toBeGreaterThan(10)
  expect(figures.filter(({ median }) => !(median > 0))).toEqual([])
})
