/**
 * How fast the log takes groups of various sizes, each synced: `node bench/wal.ts [directory]`.
 *
 * The directory (default: a new one under the working directory, removed at the end) says which disk is measured.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as WalLayer from "../layers/WalLayer.ts"
import { Wal } from "../src/wal/Wal.ts"

/** One measurement. */
export interface WalFigures {
  readonly groupBytes: number
  readonly groups: number
  readonly megabytesPerSecond: number
  /** Time of one group, appended and synced. */
  readonly microsMedian: number
  readonly microsP99: number
}

/** Appends `groups` groups of one frame of `groupBytes`, each synced before the next. */
export const measureAppends = Effect.fnUntraced(function*(groupBytes: number, groups: number) {
  const wal = yield* Wal
  const payload = new Uint8Array(groupBytes - 48).fill(7)
  const micros: Array<number> = []
  const begun = yield* Clock.monotonicTimeNanos
  let before = begun
  for (let i = 0; i < groups; i++) {
    yield* wal.append([{ kind: 1, span: 1, payload: [payload] }], { commitTime: 1, sync: true })
    const now = yield* Clock.monotonicTimeNanos
    micros.push(Number(now - before) / 1000)
    before = now
  }
  micros.sort((left, right) => left - right)
  return {
    groupBytes,
    groups,
    megabytesPerSecond: groupBytes * groups / (Number(before - begun) / 1000),
    microsMedian: micros[groups >> 1],
    microsP99: micros[Math.floor(groups * 0.99)]
  } satisfies WalFigures
})

const main = Effect.fnUntraced(function*(root: string) {
  for (const [groupBytes, groups] of [[4096, 4000], [65536, 4000], [262144, 2000], [1048576, 800]]) {
    const figures = yield* Effect.provide(measureAppends(groupBytes, groups), WalLayer.layerFile({ root }))
    console.log(
      `${String(groupBytes / 1024).padStart(5)} KiB  ${figures.megabytesPerSecond.toFixed(0).padStart(6)} MB/s  ` +
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
