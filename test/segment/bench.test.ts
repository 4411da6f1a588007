/** The benchmarks of segments run small, so that they never rot; speed is not looked at here, size is. */
import { expect, it } from "vitest"
import { benchSegment } from "../../bench/segment.ts"
import { measureSizes } from "../../bench/segmentSizes.ts"

it("the benchmark of segments runs", async () => {
  const figures = await benchSegment({ rows: 6000, runs: 1, pointReads: 10 })
  expect(figures).toHaveLength(14)
  expect(figures.filter(({ median }) => !(median > 0))).toEqual([])
})

it("segments are small", async () => {
  const sizes = await measureSizes(140_000)
  const shares = new Map(sizes.map(({ name, share }) => [name, share]))
  expect(shares.size).toBe(16)
  // Random keys that are nowhere else in the JSON are the exception: what is random does not compress.
  const most = (name: string) => name.includes("uuid") ? 0.36 : name.includes("hashed keys") ? 0.22 : 0.15
  expect(sizes.filter(({ name, share }) => share > most(name))).toEqual([])
  expect(shares.get("flights, ascending keys")).toBeLessThan(0.08)
  expect(shares.get("flights, hashed keys, which are a column too")).toBeLessThan(0.18)
  expect(shares.get("benchmark, hashed keys")).toBeLessThan(0.19)
})
