/** Looks at every byte of a log that nobody has open, and changes nothing. */
import * as Effect from "effect/Effect"
import type { Position } from "../base/position.ts"
import { BlockStorage, type BlockStorageService } from "../storage/BlockStorage.ts"
import { fileHeaderBytes, frameSeed } from "./format.ts"
import { findNextFrame, judgeTail } from "./judgeTail.ts"
import { findFile, findMismatch, type FoundFile, fromStorageError, listLogFiles } from "./logFiles.ts"
import { blockBytesDefault, scanBlock, type ScanStart } from "./scanFile.ts"
import type { WalError } from "./Wal.ts"

/** One file of a log. */
export interface FileReport {
  /** As the user knows it. */
  readonly file: string
  readonly ordinal: number
  /** Position of its first frame, whether or not there is one. */
  readonly firstPosition: Position
  /** The last position in it; firstPosition - 1 where there is none. */
  readonly lastPosition: Position
  readonly frames: number
  /** Bytes of its header and its frames. */
  readonly usedBytes: number
  /** Bytes that it takes, with those allocated ahead. */
  readonly sizeBytes: number
}

/** A place where a log is not what was written. */
export interface Damage {
  readonly file: string
  /** In bytes. */
  readonly offset: number
  readonly problem: string
  /** Positions that cannot be read, first and last; at the log's end it may not be known how many there were. */
  readonly lostFrom: Position
  readonly lostThrough: Position | undefined
}

/** What was found in a log. */
export interface LogReport {
  readonly files: ReadonlyArray<FileReport>
  readonly frames: number
  readonly usedBytes: number
  /** The first position in the log and the last; equal to the next one and that before it in an empty log. */
  readonly firstPosition: Position
  readonly lastPosition: Position
  /** Newest commit time, microseconds since 1970. */
  readonly lastCommitTime: number
  /** What a crash left unfinished, and the next start will cut: harmless. */
  readonly tornTail: { readonly file: string; readonly offset: number; readonly bytes: number } | undefined
  /** Empty where the log is sound. */
  readonly damage: ReadonlyArray<Damage>
}

/** Collects a report. */
class Verification {
  readonly files: Array<FileReport> = []
  readonly damage: Array<Damage> = []
  tornTail: LogReport["tornTail"] = undefined
  lastCommitTime = 0
  /** The position that is expected next. */
  next = 1

  /** Notes damage from the expected position on; `through` undefined where it is not known yet how far. */
  lose(file: string, offset: number, problem: string, through: number | undefined): void {
    this.damage.push({
      file,
      offset,
      problem,
      lostFrom: this.next as Position,
      lostThrough: through as Position | undefined
    })
  }

  /** Notes what lies between the end of the file before and the beginning of `found`. */
  begin(before: FoundFile | undefined, found: FoundFile, folder: string): void {
    const { firstPosition } = found.header
    const latest = this.damage[this.damage.length - 1]
    const problem = before === undefined ? undefined : findMismatch(before, found, folder)
    if (latest !== undefined && latest.lostThrough === undefined) {
      // Now it is known how far the damage before this file goes.
      this.damage[this.damage.length - 1] = { ...latest, lostThrough: (firstPosition - 1) as Position }
    } else if (problem !== undefined) {
      this.lose(found.path, 0, problem, firstPosition - 1)
    } else if (before !== undefined && firstPosition !== this.next) {
      this.lose(before.path, before.size, "the file ends before its last frame", firstPosition - 1)
    }
    this.next = firstPosition
  }

  end(report: FileReport): void {
    this.files.push(report)
    this.next = report.lastPosition + 1
  }

  get report(): LogReport {
    const first = this.files[0]?.firstPosition ?? 1
    return {
      files: this.files,
      frames: this.files.reduce((sum, file) => sum + file.frames, 0),
      usedBytes: this.files.reduce((sum, file) => sum + file.usedBytes, 0),
      firstPosition: first as Position,
      lastPosition: (this.files[this.files.length - 1]?.lastPosition ?? 0) as Position,
      lastCommitTime: this.lastCommitTime,
      tornTail: this.tornTail,
      damage: this.damage
    }
  }
}

/** Verifies the frames of one file. */
const verifyFile = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  found: FoundFile,
  isLast: boolean,
  verification: Verification
) {
  const file = yield* storage.open(found.name, { readOnly: true })
  const { header, path, size } = found
  const seed = frameSeed(header.logId)
  let frames = 0
  let usedBytes = size
  let at: ScanStart = { offset: fileHeaderBytes, position: header.firstPosition }
  for (;;) {
    const block = yield* scanBlock(file, at, size, seed, blockBytesDefault)
    frames += block.frames.length
    for (const frame of block.frames) verification.lastCommitTime = frame.commitTime
    at = { offset: block.offset, position: block.position }
    if (block.stop === "More") continue
    if (block.stop === "Limit") break
    const tail = isLast ? yield* judgeTail(file, at, size, seed) : { kind: "Damaged" as const }
    if (tail.kind !== "Damaged") {
      usedBytes = at.offset
      if (tail.kind === "Torn") verification.tornTail = { file: path, offset: at.offset, bytes: tail.end - at.offset }
      break
    }
    const problem = block.stop === "Zero" ? "zeros where a frame was" : block.problem
    const next = yield* findNextFrame(file, at, size, seed)
    verification.next = at.position
    verification.lose(path, at.offset, problem, next === undefined ? undefined : next.position - 1)
    if (next === undefined) break
    at = next
  }
  verification.end({
    file: path,
    ordinal: header.ordinal,
    firstPosition: header.firstPosition as Position,
    lastPosition: (at.position - 1) as Position,
    frames,
    usedBytes,
    sizeBytes: size
  })
}, Effect.scoped)

/**
 * Verifies a log, and goes on behind damage to find all of it. The log must not be open: what is just being written
 * looks like a torn tail. Fails only where the storage cannot be read or a newer Varve wrote the log.
 */
export const verifyLog = Effect.fnUntraced(function*(
  folder: string
): Effect.fn.Return<LogReport, WalError, BlockStorage> {
  const storage = yield* BlockStorage
  const names = yield* listLogFiles(storage, folder)
  const verification = new Verification()
  let before: FoundFile | undefined
  for (let i = 0; i < names.length; i++) {
    const found = yield* Effect.catch(findFile(storage, names[i]), (error) => {
      if (error.reason !== "Damaged") return Effect.fail(error)
      verification.lose(error.file ?? names[i].name, error.offset ?? 0, "the file header cannot be read", undefined)
      return Effect.succeed(undefined)
    })
    if (found === undefined) continue
    verification.begin(before, found, folder)
    yield* Effect.mapError(verifyFile(storage, found, i === names.length - 1, verification), fromStorageError)
    before = found
  }
  return verification.report
})
