/** `varve verify`: every byte of the data directory of a stopped server. Nothing is changed. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import { VerifyProgress } from "../../administration/VerifyProgress.ts"
import { type Fault, type StorageReport, verifyStorage } from "../../administration/verifyStorage.ts"
import { BlockStorage } from "../../storage/BlockStorage.ts"
import { CommandFailure } from "../failure.ts"
import { barOf } from "../output/bar.ts"
import { countOf, formatBytes, formatCount, formatRate, formatSeconds } from "../output/numbers.ts"
import { write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { showRunning } from "./elapsed.ts"
import { findDirectory, type LogOptions } from "./log.ts"
import { bytesField, countField, type Field, printFields, textField } from "./tableRow.ts"

const barWidth = 24

/** `▕████    ▏ 34%  120.0 MB of 350.0 MB  210 MB/s  1.1 s left  segments/...`. */
export const describeVerification = (progress: VerifyProgress, elapsedMillis: number): string => {
  const { bytes, total, what } = progress
  const share = total === 0 ? 1 : bytes / total
  const perSecond = bytes / (Math.max(1, elapsedMillis) / 1000)
  const left = bytes === 0 ? "" : `  ${formatSeconds((total - bytes) / perSecond * 1000)} left`
  return `▕${barOf(share, barWidth).padEnd(barWidth)}▏ ${Math.floor(share * 100)}%  ${formatBytes(bytes)} of ${
    formatBytes(total)
  }  ${formatRate(perSecond / 1e6)} MB/s${left}  ${what}`
}

/** Files of one kind, as they are told. */
interface Part {
  readonly what: string
  readonly files: number
  readonly bytes: number
  /** Frames of the log, rows of segments. */
  readonly count: number
}

const partsOf = ({ archive, checkpoints, indexes, log, segments }: StorageReport): ReadonlyArray<Part> => [
  { what: "log", files: log.files.length, bytes: log.usedBytes, count: log.frames },
  { what: "archive", ...archive, count: archive.files },
  { what: "checkpoints", ...checkpoints, count: checkpoints.files },
  { what: "segments", files: segments.files, bytes: segments.bytes, count: segments.rows },
  { what: "indexes", ...indexes, count: indexes.files }
]

const partFields: ReadonlyArray<Field<Part>> = [
  textField("what", ({ what }) => what),
  countField("files", ({ files }) => files),
  bytesField("bytes", ({ bytes }) => bytes),
  {
    name: "count",
    value: ({ count }) => count,
    text: ({ count, what }) =>
      what === "log" ? countOf(count, "frame") : what === "segments" ? countOf(count, "row") : ""
  }
]

const faultFields: ReadonlyArray<Field<Fault>> = [
  textField("file", ({ file }) => file),
  { name: "offset", value: ({ offset }) => offset ?? null },
  textField("problem", ({ problem }) => problem)
]

/** One line for a fault. */
const describeFault = ({ file, offset, ...fault }: Fault): string => {
  const problem = fault.problem.replaceAll(/\s*\n\s*/g, " ")
  // What a file's own reader says names the place already.
  if (problem.includes(file)) return problem
  return `${path.isAbsolute(file) ? path.relative(process.cwd(), file) : file}${
    offset === undefined ? "" : ` at offset ${offset}`
  }: ${problem}`
}

const conclusion = ({ log, tables, unnamed }: StorageReport, bytes: number, millis: number): string =>
  `all is sound: ${countOf(tables, "table")}, last position ${formatCount(log.lastPosition)}, ${
    formatBytes(bytes)
  } in ${formatSeconds(millis)}` +
  (log.tornTail === undefined
    ? ""
    : `; ${countOf(log.tornTail.bytes, "byte")} of an unfinished write in ${log.tornTail.file} at offset ` +
      `${log.tornTail.offset} will be cut at the next start, which is harmless`) +
  (unnamed.length === 0
    ? ""
    : `; ${countOf(unnamed.length, "file")} that no table names will be removed at the next start, which is harmless`)

/** Verifies everything. Fails with the file and the offset of each fault. */
export const runVerifyStorage = (settings: Settings, options: LogOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const directory = yield* findDirectory(options)
    const isTable = settings.format === "table"
    const progress = new VerifyProgress()
    const began = yield* Clock.currentTimeMillis
    const report = yield* Effect.gen(function*() {
      const storage = yield* BlockStorage
      yield* storage.lock
      if (isTable) yield* showRunning((millis) => describeVerification(progress, millis))
      return yield* verifyStorage(progress)
    }).pipe(
      Effect.scoped,
      Effect.provide(options.openStorage(directory)),
      Effect.mapError(({ message, reason }) => new CommandFailure({ message, exitCode: 1, reason }))
    )
    const millis = (yield* Clock.currentTimeMillis) - began
    if (report.faults.length > 0) {
      yield* printFields(settings, faultFields, report.faults)
      return yield* new CommandFailure({
        message: `${directory} is damaged:\n${report.faults.map(describeFault).join("\n")}\n` +
          "nothing was changed; restore the data directory from a backup, or keep it for a closer look",
        exitCode: 1,
        reason: "DAMAGED"
      })
    }
    const parts = partsOf(report)
    yield* printFields(settings, partFields, parts.filter(({ files, what }) => files > 0 || what === "log"))
    if (isTable) {
      yield* write(`${conclusion(report, parts.reduce((sum, { bytes }) => sum + bytes, 0), millis)}\n`)
    }
  })
