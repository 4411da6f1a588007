/** What the services depend on, as their health tells it. */
import * as Effect from "effect/Effect"
import { showSize } from "../base/configuration/kinds.ts"
import { CommitPipeline } from "../mvcc/CommitPipeline.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { Processor } from "../processor/Processor.ts"
import { Wal } from "../wal/Wal.ts"
import type { Dependency } from "./health.ts"

const serving = { status: "serving", message: "" } as const

/**
 * The log, the pipeline into it, the memory of versions, and the processor that frees it. All of them only stop writes, the
 * last one in the end: what is there can be read.
 */
export const makeDependencies = Effect.fnUntraced(
  function*(memoryBytesMax: number): Effect.fn.Return<
    ReadonlyArray<Dependency>,
    never,
    Wal | CommitPipeline | Mvcc | Processor
  > {
    const wal = yield* Wal
    const pipeline = yield* CommitPipeline
    const mvcc = yield* Mvcc
    const processor = yield* Processor
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
      },
      {
        name: "processor",
        check: Effect.sync(() => {
          const { lastFailure } = processor.status()
          return lastFailure === "" ? serving : { status: "degraded", message: `${lastFailure}; it is tried again` }
        })
      }
    ]
  }
)
