/**
 * How fast the log takes groups of various sizes, each synced: `node bench/wal.ts [directory]`.
 *
 * Without a pause between groups large ones are written into space that must be allocated first; with a pause the log
 * allocates ahead meanwhile. The directory (default: a new one under the working directory, removed at the end) says
 * which disk is measured.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as WalLayer from "../layers/WalLayer.ts"
import { Wal } from "../src/wal/Wal.ts"

/** What to append. */
export interface WalLoad {
  /** Bytes of each group, of one frame. */
  readonly groupBytes: number
  readonly groups: number
  /** How long to wait after each group. */
  readonly pauseMillis: number
}

/** What was measured. */
export interface WalFigures {
  /** While groups were appended; pauses are not counted. */
  readonly megabytesPerSecond: number
  /** Time of one group, appended and synced. */
  readonly microsMedian: number
  readonly microsP99: number
}

/** Appends groups one after another, each synced. */
export const measureAppends = Effect.fnUntraced(function*({ groupBytes, groups, pauseMillis }: WalLoad) {
  const wal = yield* Wal
  const payload = new Uint8Array(groupBytes - 48).fill(7)
  const micros: Array<number> = []
  for (let i = 0; i < groups; i++) {
    const begun = yield* Clock.monotonicTimeNanos
    yield* wal.append([{ kind: 1, span: 1, payload: [payload] }], { commitTime: 1, sync: true })
    micros.push(Number((yield* Clock.monotonicTimeNanos) - begun) / 1000)
    if (pauseMillis > 0) yield* Effect.sleep(pauseMillis)
  }
  const total = micros.reduce((sum, each) => sum + each, 0)
  micros.sort((left, right) => left - right)
  const figures: WalFigures = {
    megabytesPerSecond: groupBytes * groups / total,
    microsMedian: micros[groups >> 1],
    microsP99: micros[Math.floor(groups * 0.99)]
  }
  return figures
})

const loads: ReadonlyArray<WalLoad> = [
  { groupBytes: 4 * 1024, groups: 4000, pauseMillis: 0 },
  { groupBytes: 64 * 1024, groups: 4000, pauseMillis: 0 },
  { groupBytes: 256 * 1024, groups: 2000, pauseMillis: 0 },
  { groupBytes: 1024 * 1024, groups: 800, pauseMillis: 0 },
  { groupBytes: 4 * 1024, groups: 1000, pauseMillis: 3 },
  { groupBytes: 64 * 1024, groups: 1000, pauseMillis: 3 },
  { groupBytes: 256 * 1024, groups: 1000, pauseMillis: 3 },
  { groupBytes: 1024 * 1024, groups: 300, pauseMillis: 10 }
]

const main = Effect.fnUntraced(function*(root: string) {
  for (const load of loads) {
    const figures = yield* Effect.provide(measureAppends(load), WalLayer.layerFile({ root }))
    console.log(
      `${String(load.groupBytes / 1024).padStart(5)} KiB  pause ${String(load.pauseMillis).padStart(2)} ms  ` +
        `${figures.megabytesPerSecond.toFixed(0).padStart(5)} MB/s  ` +
        `p50 ${figures.microsMedian.toFixed(0).padStart(5)} us  p99 ${figures.microsP99.toFixed(0).padStart(6)} us`
    )
  }
})

if (import.meta.main) {
  const root = process.argv[2] ?? fs.mkdtempSync(path.join(process.cwd(), ".bench-wal-"))
  await Effect.runPromise(main(root)).finally(() => {
    if (process.argv[2] === undefined) fs.rmSync(root, { recursive: true, force: true })
  })
}
