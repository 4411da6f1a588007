/** The benchmark of segments runs small, so that it never rots; what it measures is not looked at here. */
import { expect, it } from "vitest"
import { benchSegment } from "../../bench/segment.ts"

it("the benchmark of segments runs", async () => {
  const figures = await benchSegment({ rows: 6000, runs: 1, pointReads: 10 })
  expect(figures).toHaveLength(14)
  expect(figures.filter(({ median }) => !(median > 0))).toEqual([])
})
