/** `varve wal inspect` and `varve wal verify`: the log of a data directory that no server has open. Nothing is changed. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import { load } from "../../base/configuration/load.ts"
import { frameKinds } from "../../event/Event.ts"
import { formatTimestamp } from "../../schema/timestamp.ts"
import type { BlockStorage, StorageError } from "../../storage/BlockStorage.ts"
import { ownerFileName } from "../../storage/fileLock.ts"
import { inspectLog } from "../../wal/inspectLog.ts"
import { logFolderDefault } from "../../wal/makeWal.ts"
import { type Damage, type LogReport, verifyLog } from "../../wal/verifyLog.ts"
import type { WalError } from "../../wal/Wal.ts"
import { CommandFailure, usageFailure } from "../failure.ts"
import type { Row } from "../output/cell.ts"
import { countOf, formatBytes, formatCount } from "../output/numbers.ts"
import { printRows, printStream, tell, write } from "../output/print.ts"
import type { Settings } from "../settings.ts"

/** Gives the storage in a directory, which must exist. */
export type OpenStorage = (directory: string) => Layer.Layer<BlockStorage, StorageError>

/** Where the log is. */
export interface LogOptions {
  /** `undefined`: where the configuration says. */
  readonly dataDirectory: string | undefined
  readonly openStorage: OpenStorage
}

/** What of the log to show. */
export interface InspectOptions extends LogOptions {
  /** Frames that end before this position are left out. */
  readonly from: number
  readonly limit: number | undefined
}

const failed = (error: WalError | StorageError): CommandFailure =>
  new CommandFailure({ message: error.message, exitCode: 1, reason: error.reason })

/** The data directory that is meant; fails where it holds no log. */
export const findDirectory = Effect.fnUntraced(function*({ dataDirectory }: LogOptions) {
  const directory = dataDirectory ?? (yield* Effect.mapError(
    load({ file: process.env.VARVE_CONFIG, environment: process.env, flags: [] }),
    ({ message }) => new CommandFailure({ message, exitCode: 2, reason: "CONFIGURATION" })
  )).values["storage.data_dir"]
  if (!fs.existsSync(path.join(directory, logFolderDefault))) {
    return yield* usageFailure(`${directory} holds no log; say where the data directory is with --data-dir`)
  }
  return directory
})

/** Says so where a server has the log open: what it is just writing looks unfinished. */
const warnOfOwner = (directory: string): Effect.Effect<void> => {
  try {
    const { pid } = JSON.parse(fs.readFileSync(path.join(directory, ownerFileName), "utf8")) as { readonly pid: number }
    process.kill(pid, 0)
    return tell(`process ${pid} has this log open: what it is just writing may look like a torn tail\n`)
  } catch {
    return Effect.void
  }
}

const frameColumns = [
  { name: "position", isNumber: true },
  { name: "positions", isNumber: true },
  { name: "kind", isNumber: false },
  { name: "commit_time", isNumber: false },
  { name: "bytes", isNumber: true },
  { name: "file", isNumber: false },
  { name: "offset", isNumber: true }
]

const kindNames = new Map<number, string>(Object.entries(frameKinds).map(([name, kind]) => [kind, name]))

/** Prints the frames of the log. */
export const runInspect = (settings: Settings, options: InspectOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const directory = yield* findDirectory(options)
    yield* warnOfOwner(directory)
    const frames = inspectLog(logFolderDefault).pipe(
      Stream.filter((frame) => frame.position + frame.span > options.from),
      Stream.take(options.limit ?? Number.POSITIVE_INFINITY),
      Stream.map((frame): Row => [
        frame.position,
        frame.span,
        kindNames.get(frame.kind) ?? `unknown (${frame.kind})`,
        formatTimestamp(frame.commitTime),
        frame.payload.length,
        path.relative(process.cwd(), frame.file),
        frame.offset
      ]),
      Stream.chunks,
      Stream.provide(options.openStorage(directory)),
      Stream.mapError(failed)
    )
    yield* printStream(settings.format, frameColumns, frames)
  })

const fileColumns = [
  { name: "file", isNumber: false },
  { name: "first_position", isNumber: true },
  { name: "last_position", isNumber: true },
  { name: "frames", isNumber: true },
  { name: "used_bytes", isNumber: true },
  { name: "size_bytes", isNumber: true }
]

const describeDamage = ({ file, lostFrom, lostThrough, offset, problem }: Damage): string => {
  const lost = lostFrom === undefined
    ? ""
    : lostThrough === undefined
    ? `; positions from ${lostFrom} on cannot be read`
    : lostThrough < lostFrom
    ? ""
    : `; positions ${lostFrom} to ${lostThrough} cannot be read`
  return `${file} at offset ${offset}: ${problem}${lost}`
}

const conclusion = ({ frames, lastPosition, tornTail, usedBytes }: LogReport): string =>
  `the log is sound: ${countOf(frames, "frame")}, ${formatBytes(usedBytes)}, last position ${
    formatCount(lastPosition)
  }` + (
    tornTail === undefined
      ? ""
      : `; ${
        countOf(tornTail.bytes, "byte")
      } of an unfinished write in ${tornTail.file} at offset ${tornTail.offset} ` +
        "will be cut at the next start, which is harmless"
  )

/** Verifies every byte of the log. Fails with the file and the offset of each damage. */
export const runVerify = (settings: Settings, options: LogOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const directory = yield* findDirectory(options)
    yield* warnOfOwner(directory)
    const report = yield* verifyLog(logFolderDefault).pipe(
      Effect.provide(options.openStorage(directory)),
      Effect.mapError(failed)
    )
    const rows = report.files.map((file): Row => [
      path.relative(process.cwd(), file.file),
      file.firstPosition,
      file.lastPosition,
      file.frames,
      file.usedBytes,
      file.sizeBytes
    ])
    yield* printRows(settings.format, fileColumns, rows)
    if (report.damage.length > 0) {
      return yield* new CommandFailure({
        message: `the log is damaged:\n${report.damage.map(describeDamage).join("\n")}\n` +
          "nothing was changed; restore the data directory from a backup, or keep it for a closer look",
        exitCode: 1,
        reason: "DAMAGED"
      })
    }
    if (settings.format === "table") yield* write(`${conclusion(report)}\n`)
  })
