/** The benchmark of the log runs. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { measureAppends } from "../../bench/wal.ts"
import * as WalLayer from "../../layers/WalLayer.ts"
import { Wal } from "../../src/wal/Wal.ts"

describe("the benchmark of the log", () => {
  it.live("appends what it is told", () =>
    Effect.gen(function*() {
      const figures = yield* measureAppends({ groupBytes: 4096, groups: 50, pauseMillis: 0 })
      assert.isTrue(figures.microsMedian <= figures.microsP99 && figures.megabytesPerSecond > 0)
      assert.strictEqual((yield* (yield* Wal).status).bytesAppended, 50 * 4096)
    }).pipe(Effect.provide(WalLayer.layerMemory)))
})
