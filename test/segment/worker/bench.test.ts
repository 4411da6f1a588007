/** The benchmark of workers runs small, so that it never rots; what it measures is not looked at here. */
import { expect, it } from "vitest"
import { benchSegmentWorker } from "../../../bench/segmentWorker.ts"

it("the benchmark of workers runs", async () => {
  const figures = await benchSegmentWorker({ rows: 3000, runs: 1 })
  expect(figures).toHaveLength(7)
  expect(figures.filter(({ median }) => !(median > 0))).toEqual([])
})
