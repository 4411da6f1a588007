/** What the services depend on, as their health tells it. */
import * as Effect from "effect/Effect"
import { showSize } from "../base/configuration/kinds.ts"
import { CommitPipeline } from "../mvcc/CommitPipeline.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { Wal } from "../wal/Wal.ts"
import type { Dependency } from "./health.ts"

const serving = { status: "serving", message: "" } as const

/** The log, the pipeline into it, and the memory of versions. All three only stop writes: what is there can be read. */
export const makeDependencies = Effect.fnUntraced(
  function*(memoryBytesMax: number): Effect.fn.Return<
    ReadonlyArray<Dependency>,
    never,
    Wal | CommitPipeline | Mvcc
  > {
    const wal = yield* Wal
    const pipeline = yield* CommitPipeline
    const mvcc = yield* Mvcc
    return [
      {
        name: "log",
        check: Effect.map(
          wal.status,
          ({ poisoned }) => poisoned === undefined ? serving : { status: "degraded", message: poisoned }
        )
      },
      {
        name: "commit pipeline",
        check: Effect.sync(() => {
          const { stopped } = pipeline.status()
          return stopped === undefined ? serving : { status: "degraded", message: stopped }
        })
      },
      {
        name: "memory",
        check: Effect.sync(() => {
          const { bytes } = mvcc.usage()
          return bytes < memoryBytesMax ? serving : {
            status: "degraded",
            message: `rows in memory take ${showSize(bytes)}, and memtable.limit is ${
              showSize(memoryBytesMax)
            }; writes are refused`
          }
        })
      }
    ]
  }
)
