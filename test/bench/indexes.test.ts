/** The benchmark of indexes runs small, so that it never rots: what is indexed is found in fewer pages. */
import { expect, it } from "vitest"
import { benchIndexes } from "../../bench/indexes.ts"

it("the benchmark of indexes runs", async () => {
  const { costs, figures } = await benchIndexes({ rows: 60_000, queries: 2 })
  expect(costs.every(({ bytes, buildSeconds }) => bytes > 0 && buildSeconds > 0)).toBe(true)
  const [single, , range] = figures
  for (const { pages, pagesWithout, rowsFound } of [single, range]) {
    expect(rowsFound).toBeGreaterThan(0)
    expect(pages).toBeLessThan(pagesWithout)
  }
})
