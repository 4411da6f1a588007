/** Metrics of what becomes of rows: segments, flushes, compactions, checkpoints, the cache. Read when somebody asks. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Catalog } from "../../catalog/Catalog.ts"
import { Checkpoints, type CheckpointStatus } from "../../mvcc/checkpoint/Checkpoints.ts"
import { CommitPipeline } from "../../mvcc/CommitPipeline.ts"
import { Mvcc } from "../../mvcc/Mvcc.ts"
import { SegmentFiles } from "../../mvcc/SegmentFiles.ts"
import { filesInUse } from "../../processor/indexes/pickIndexWork.ts"
import { Processor, type ProcessorStatus } from "../../processor/Processor.ts"
import { register, type Series } from "./gauges.ts"

/** Segments of one level, of all tables together. */
interface Level {
  segments: number
  bytes: number
  rows: number
}

/** Shows the metrics until the scope closes; the effect that it gives brings them up to date. */
export const registerSegments: Effect.Effect<
  Effect.Effect<void>,
  never,
  Scope.Scope | Catalog | Checkpoints | CommitPipeline | Mvcc | Processor | SegmentFiles
> = Effect.gen(function*() {
  const catalog = yield* Catalog
  const checkpoints = yield* Checkpoints
  const pipeline = yield* CommitPipeline
  const mvcc = yield* Mvcc
  const processor = yield* Processor
  const { cache, faultyIndexes, openCount } = yield* SegmentFiles
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const levels = new Map<number, Level>()
  let status: ProcessorStatus = processor.status()
  let checkpoint: CheckpointStatus = yield* checkpoints.status
  let checkpointAgeSeconds = 0
  let markBytes = 0
  const indexes = { files: 0, bytes: 0, missing: 0 }

  const series = (type: Series["type"]) => (name: string, description: string, read: () => number): Series => ({
    type,
    name,
    description,
    read
  })
  const gauge = series("gauge")
  const counter = series("counter")

  yield* register([
    gauge("varve_segment_files_open", "Segments whose files are open.", openCount),
    gauge("varve_sealed_memtables", "Tables in memory that wait to be flushed.", () => status.sealedMemtables),
    counter("varve_flushes_total", "Tables in memory that became segments.", () => status.flushes),
    counter("varve_flushed_rows_total", "Versions written by flushes.", () => status.rowsFlushed),
    counter("varve_flushed_bytes_total", "Bytes of segments written by flushes.", () => status.bytesFlushed),
    counter("varve_flush_seconds_total", "Time that flushes took.", () => status.flushMillis / 1000),
    counter("varve_compactions_total", "Merges of segments.", () => status.compactions),
    counter("varve_compaction_rows_total", "Versions read by merges.", () => status.rowsMerged),
    counter("varve_compaction_read_bytes_total", "Bytes of segments read by merges.", () => status.bytesMergedIn),
    counter(
      "varve_compaction_written_bytes_total",
      "Bytes of segments written by merges.",
      () => status.bytesMergedOut
    ),
    counter("varve_compaction_seconds_total", "Time that merges took.", () => status.compactionMillis / 1000),
    counter("varve_index_files_built_total", "Files of indexes that were built.", () => status.indexesBuilt),
    counter("varve_index_built_bytes_total", "Bytes of these files.", () => status.indexBytesBuilt),
    counter("varve_index_seconds_total", "Time that building them took.", () => status.indexMillis / 1000),
    gauge("varve_index_files", "Files of indexes that are in use.", () => indexes.files),
    gauge("varve_index_bytes", "Bytes of these files.", () => indexes.bytes),
    gauge("varve_index_files_missing", "Files of indexes that are still to be built.", () => indexes.missing),
    counter("varve_segments_removed_total", "Segments that merges replaced.", () => status.segmentsRemoved),
    gauge(
      "varve_processor_failing",
      "1 where the last flush, merge or checkpoint failed; it is tried again.",
      () => status.lastFailure === "" ? 0 : 1
    ),
    counter("varve_cache_hits_total", "Reads of segments that the cache answered.", () => cache.hits),
    counter("varve_cache_misses_total", "Reads of segments that went to a file.", () => cache.misses),
    gauge("varve_cache_bytes", "Memory of pages, indexes and filters that were read lately.", () => cache.bytes),
    gauge("varve_cache_limit_bytes", "The most that the cache may hold.", () => cache.capacityBytes),
    gauge("varve_mark_bytes", "Memory that tells which versions in segments are superseded.", () => markBytes),
    counter("varve_checkpoints_total", "Checkpoints written.", () => checkpoint.written),
    gauge(
      "varve_checkpoint_position",
      "The newest checkpoint's position; 0: there is none.",
      () => checkpoint.position
    ),
    gauge(
      "varve_checkpoint_age_seconds",
      "Time since the newest checkpoint's last event; 0 where there is none.",
      () => checkpointAgeSeconds
    ),
    gauge("varve_checkpoint_bytes", "Bytes of the newest checkpoint.", () => checkpoint.bytes),
    gauge(
      "varve_checkpoint_log_bytes",
      "Bytes of log behind the newest checkpoint, which a start reads.",
      () => checkpoint.logBytes
    ),
    counter(
      "varve_write_stalls_total",
      "Requests that waited for memory that flushes had to free.",
      () => pipeline.status().waits
    ),
    counter(
      "varve_write_stall_seconds_total",
      "Time that they waited.",
      () => pipeline.status().waitedMillis / 1000
    ),
    gauge("varve_readers", "Reads that run now.", () => mvcc.usage().readers),
    gauge("varve_held_positions", "Positions that cursors hold.", () => mvcc.usage().heldPositions)
  ])

  const perLevel = (level: number): ReadonlyArray<Series> => {
    const of = (name: string, description: string, part: keyof Level): Series => ({
      ...gauge(name, description, () => levels.get(level)?.[part] ?? 0),
      labels: { level: String(level) }
    })
    return [
      of("varve_segments", "Segments by level; 0 holds what was flushed.", "segments"),
      of("varve_segment_bytes", "Bytes of segments by level.", "bytes"),
      of("varve_segment_rows", "Versions in segments by level.", "rows")
    ]
  }

  const refresh = Effect.gen(function*() {
    status = processor.status()
    checkpoint = yield* checkpoints.status
    const now = yield* Clock.currentTimeMillis
    checkpointAgeSeconds = checkpoint.position === 0
      ? 0
      : Math.max(0, now / 1e3 - mvcc.commitTime(checkpoint.position) / 1e6)
    markBytes = 0
    Object.assign(indexes, { files: 0, bytes: 0, missing: 0 })
    for (const level of levels.values()) Object.assign(level, { segments: 0, bytes: 0, rows: 0 })
    const added: Array<number> = []
    for (const table of catalog.state().tables.values()) {
      markBytes += mvcc.versions(table.id)?.markBytes ?? 0
      for (const segment of table.segments) {
        const { bytes, level, rows } = segment
        const built = filesInUse(table, segment).filter(({ name }) => !faultyIndexes.has(name))
        indexes.files += built.length
        indexes.bytes += built.reduce((sum, file) => sum + file.bytes, 0)
        indexes.missing += table.settings.indexes.length - built.length
        let found = levels.get(level)
        if (found === undefined) {
          levels.set(level, found = { segments: 0, bytes: 0, rows: 0 })
          added.push(level)
        }
        found.segments++
        found.bytes += bytes
        found.rows += rows
      }
    }
    yield* register(added.flatMap(perLevel))
  }).pipe(
    Effect.provideContext(context),
    Effect.provideService(Scope.Scope, scope)
  )
  return refresh
})
