/**
 * Looks at every byte of a storage that nobody has open, and changes nothing: log, checkpoints, segments, and whether
 * they belong together. It goes on behind damage to find all of it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Position from "../base/position.ts"
import { foldCatalog } from "../catalog/fold.ts"
import { type CatalogState, empty } from "../catalog/state.ts"
import { decodeEvent } from "../event/Event.ts"
import {
  checkpointFolder,
  checkpointName,
  listCheckpoints,
  readCheckpoint,
  type StoredCheckpoint
} from "../mvcc/checkpoint/store.ts"
import { segmentFolder } from "../mvcc/recovery/segmentFiles.ts"
import { BlockCache } from "../segment/BlockCache.ts"
import type { SegmentMetadata } from "../segment/read/metadata.ts"
import { openSegment } from "../segment/Segment.ts"
import { fromStorageError } from "../segment/SegmentError.ts"
import { verifySegment } from "../segment/verifySegment.ts"
import { BlockStorage, type BlockStorageService, type StorageError } from "../storage/BlockStorage.ts"
import { archiveFolder } from "../wal/archive.ts"
import { inspectLog } from "../wal/inspectLog.ts"
import { findFile, listLogFiles } from "../wal/logFiles.ts"
import { logFolderDefault } from "../wal/makeWal.ts"
import { type Damage, type LogReport, verifyLog } from "../wal/verifyLog.ts"
import type { WalError } from "../wal/Wal.ts"
import { checkSegments, footerProblem } from "./checkSegments.ts"
import { namedFiles } from "./usage.ts"
import { verifyIndex } from "./verifyIndex.ts"
import type { VerifyProgress } from "./VerifyProgress.ts"

/** Something that is not as it was written. */
export interface Fault {
  /** As the user knows it, or its name in the storage. */
  readonly file: string
  /** In bytes; `undefined` where the file as a whole is meant. */
  readonly offset: number | undefined
  readonly problem: string
}

/** Files of one kind. */
export interface FilesReport {
  readonly files: number
  readonly bytes: number
}

/** What was found. */
export interface StorageReport {
  readonly log: LogReport
  /** Files of the log that were moved out of the way. */
  readonly archive: FilesReport
  readonly checkpoints: FilesReport
  readonly segments: FilesReport & { readonly rows: number }
  readonly indexes: FilesReport
  readonly tables: number
  /** Files that nothing names, which the next start removes: harmless. */
  readonly unnamed: ReadonlyArray<string>
  /** Empty where all is well. */
  readonly faults: ReadonlyArray<Fault>
}

/** Decoded pieces of the one segment that is looked at. */
const cacheBytes = 16 * 1024 * 1024

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

/** Verifies everything, and tells of it in `progress`. Fails only where the storage itself cannot be read. */
export const verifyStorage = Effect.fnUntraced(function*(
  progress: VerifyProgress
): Effect.fn.Return<StorageReport, StorageError | WalError, BlockStorage> {
  const bare = yield* BlockStorage
  const storage = progress.watch(bare)
  const faults: Array<Fault> = []
  const sizes = yield* sizesOf(bare)
  const bytesIn = (folder: string) => sum([...sizes].map(([name, bytes]) => name.startsWith(`${folder}/`) ? bytes : 0))
  const logBytes = bytesIn(logFolderDefault)
  const checkpointBytes = bytesIn(checkpointFolder)
  const archiveBytes = bytesIn(archiveFolder)
  progress.total = 2 * logBytes + archiveBytes + checkpointBytes + bytesIn(segmentFolder)

  progress.begin("archive", archiveBytes)
  const archived = [...sizes.keys()].filter((name) => name.startsWith(`${archiveFolder}/`))
  faults.push(...yield* Effect.provideService(verifyArchive(archived), BlockStorage, storage))

  progress.begin("log", logBytes)
  const log = yield* Effect.provideService(verifyLog(logFolderDefault), BlockStorage, storage)
  faults.push(...log.damage.map(logFault))

  progress.begin("checkpoints", checkpointBytes)
  const checkpoints = yield* verifyCheckpoints(storage, faults)
  const [newest] = checkpoints.read
  const mismatch = checkpointProblem(newest, log, yield* logIdOf(bare))
  if (mismatch !== undefined) faults.push(mismatch)

  // What is damaged so far leaves the catalog unknown. Segments are looked at by themselves then.
  const isKnown = log.damage.length === 0 && mismatch === undefined
  progress.begin("catalog", logBytes)
  const catalog = isKnown
    ? yield* Effect.provideService(foldLog(newest, faults), BlockStorage, storage)
    : undefined
  const tables = [...catalog?.tables.values() ?? []]
  const segments = tables.flatMap((table) => table.segments.map((segment) => ({ table, segment })))
  const indexes = segments.flatMap(({ segment }) => segment.indexes)
  const named = catalog === undefined ? new Set<string>() : namedFiles(catalog)
  const unnamed = [...sizes.keys()].filter((name) => name.startsWith(`${segmentFolder}/`) && !named.has(name))
  for (const table of tables) {
    for (const { file, problem } of checkSegments(table)) faults.push({ file, offset: undefined, problem })
  }
  for (const { segment, table } of segments) {
    const size = sizes.get(segment.name)
    progress.begin(segment.name, size ?? 0)
    const fault = size === undefined
      ? missing(segment.name)
      : yield* verifyFile(storage, segment.name, (metadata) => footerProblem(table.id, segment, metadata, size))
    if (fault !== undefined) faults.push(fault)
    for (const index of segment.indexes) {
      progress.begin(index.name, sizes.get(index.name) ?? 0)
      const wrong = sizes.has(index.name)
        ? yield* verifyIndex(storage, index, fault === undefined ? segment.name : undefined, table.settings.indexes)
        : missing(index.name)
      if (wrong !== undefined) faults.push(wrong)
    }
  }
  if (catalog === undefined) {
    for (const name of unnamed.filter((name) => name.endsWith(".parquet"))) {
      progress.begin(name, sizes.get(name)!)
      const fault = yield* verifyFile(storage, name, () => undefined)
      if (fault !== undefined) faults.push(fault)
    }
  }
  progress.finish()
  return {
    log,
    archive: { files: archived.length, bytes: archiveBytes },
    checkpoints: { files: checkpoints.files, bytes: checkpointBytes },
    segments: {
      files: segments.length,
      bytes: sum(segments.map(({ segment }) => segment.bytes)),
      rows: sum(segments.map(({ segment }) => segment.rows))
    },
    indexes: { files: indexes.length, bytes: sum(indexes.map(({ bytes }) => bytes)) },
    tables: catalog?.tables.size ?? 0,
    unnamed,
    faults
  }
})

const logFault = ({ file, lostFrom, lostThrough, offset, problem }: Damage): Fault => ({
  file,
  offset,
  problem: `${problem}; positions ${
    lostThrough === undefined ? `from ${lostFrom} on` : `${lostFrom} to ${lostThrough}`
  } cannot be read`
})

/**
 * Verifies the archive, which has a folder for each log. What was archived was complete; but the archive need not be: files
 * may have been taken away, or it was not kept for a while.
 */
const verifyArchive = Effect.fnUntraced(function*(names: ReadonlyArray<string>) {
  const faults: Array<Fault> = []
  for (const folder of new Set(names.map((name) => name.slice(0, name.lastIndexOf("/"))))) {
    const { damage, tornTail } = yield* verifyLog(folder)
    faults.push(...damage.filter(({ problem }) => !problem.endsWith("is missing")).map(logFault))
    if (tornTail !== undefined) {
      faults.push({ file: tornTail.file, offset: tornTail.offset, problem: "the file ends within a frame" })
    }
  }
  return faults
})

/** The length of each file. */
const sizesOf = Effect.fnUntraced(function*(storage: BlockStorageService) {
  const sizes = new Map<string, number>()
  for (const folder of [logFolderDefault, archiveFolder, checkpointFolder, segmentFolder]) {
    for (const name of yield* storage.list(`${folder}/`)) {
      const file = storage.open(name, { readOnly: true })
      sizes.set(name, yield* Effect.scoped(Effect.flatMap(file, ({ size }) => size)))
    }
  }
  return sizes
})

/** Reads every checkpoint, newest first; one that is damaged is a fault, though an older one may take its place. */
const verifyCheckpoints = Effect.fnUntraced(function*(storage: BlockStorageService, faults: Array<Fault>) {
  const read: Array<StoredCheckpoint> = []
  const names = yield* listCheckpoints(storage)
  for (const named of names) {
    yield* readCheckpoint(storage, named).pipe(
      Effect.map((stored) => void read.push(stored)),
      Effect.catch(({ file, message, offset }) =>
        Effect.sync(() => void faults.push({ file, offset, problem: message }))
      )
    )
  }
  return { read, files: names.length }
})

/** Which log the first file is of; `undefined` where there is none, or it cannot be read. */
const logIdOf = Effect.fnUntraced(function*(storage: BlockStorageService) {
  const [first] = yield* listLogFiles(storage, logFolderDefault)
  return first === undefined
    ? undefined
    : yield* Effect.match(findFile(storage, first), {
      onSuccess: ({ header }) => header.logId,
      onFailure: () => undefined
    })
})

/** Why checkpoint and log do not lead to the newest state together; `undefined` where they do. */
const checkpointProblem = (
  checkpoint: StoredCheckpoint | undefined,
  { firstPosition, lastPosition }: LogReport,
  logId: Uint8Array | undefined
): Fault | undefined => {
  if (checkpoint === undefined) {
    return firstPosition === 1 ? undefined : {
      file: logFolderDefault,
      offset: undefined,
      problem: `the log begins at position ${firstPosition}, and there is no sound checkpoint of what was before`
    }
  }
  const { header } = checkpoint
  const fault = (problem: string): Fault => ({ file: checkpointName(header.position), offset: undefined, problem })
  if (logId !== undefined && Buffer.compare(logId, header.logId) !== 0) return fault("belongs to another log")
  if (header.position > lastPosition) {
    return fault(`is of position ${header.position}, and the log ends at position ${lastPosition}: its end is lost`)
  }
  return header.replayFrom < firstPosition
    ? fault(`needs the log from position ${header.replayFrom} on, which begins at position ${firstPosition}`)
    : undefined
}

/** The catalog behind the newest checkpoint and the log. Every frame is decoded, rows too. */
const foldLog = Effect.fnUntraced(function*(
  checkpoint: StoredCheckpoint | undefined,
  faults: Array<Fault>
): Effect.fn.Return<CatalogState | undefined, WalError, BlockStorage> {
  let catalog = checkpoint?.content.catalog ?? empty
  const known = checkpoint?.header.position ?? Position.zero
  let isBroken = false
  yield* Stream.runForEach(
    inspectLog(logFolderDefault),
    ({ commitTime, file, kind, offset, payload, position }) =>
      Effect.sync(() => {
        try {
          const event = decodeEvent(kind, payload)
          // Behind an event that is missing the catalog can only be guessed at.
          if (event.kind === "RowsWritten" || position <= known || isBroken) return
          catalog = foldCatalog(catalog, event, position, commitTime)
        } catch (thrown) {
          isBroken = true
          const problem = thrown instanceof Error ? thrown.message : String(thrown)
          faults.push({ file, offset, problem: `the event at position ${position}: ${problem}` })
        }
      })
  )
  return isBroken ? undefined : catalog
})

const missing = (name: string): Fault => ({ file: name, offset: undefined, problem: "is missing" })

/** Looks at every byte of a segment. `check` says what of its footer is wrong. */
const verifyFile = Effect.fnUntraced(
  function*(storage: BlockStorageService, name: string, check: (metadata: SegmentMetadata) => string | undefined) {
    const file = yield* Effect.mapError(storage.open(name, { readOnly: true }), fromStorageError)
    const segment = yield* openSegment(file, new BlockCache(cacheBytes))
    const problem = check(segment.metadata)
    if (problem !== undefined) return { file: file.path, offset: undefined, problem }
    yield* verifySegment(segment)
    return undefined
  },
  Effect.scoped,
  Effect.catch(({ file, message, offset }): Effect.Effect<Fault> => Effect.succeed({ file, offset, problem: message }))
)
