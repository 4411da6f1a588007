/** Where an export goes: a file that is there only once it is whole, or standard output. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import * as path from "node:path"
import { CommandFailure, usageFailure, writeFailure } from "../failure.ts"

/** Takes the bytes of an export. */
export interface ExportTarget {
  /** Writes bytes, and returns when they may be changed. */
  readonly write: (bytes: ReadonlyArray<Uint8Array>) => Effect.Effect<void, CommandFailure>
  /** Makes what was written last, under its name. Without it nothing is left. */
  readonly complete: Effect.Effect<void, CommandFailure>
}

/** What to do about it, where that is the caller's to do. */
const usageProblems: Readonly<Record<string, string>> = {
  EACCES: "no permission to write there",
  EPERM: "no permission to write there",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long"
}

const failureOf = (output: string, error: unknown): CommandFailure => {
  const { code = "" } = error as NodeJS.ErrnoException
  if (code === "ENOENT" || code === "ENOTDIR") {
    return usageFailure(`${output}: there is no folder ${path.dirname(output)}; make it first`)
  }
  return code in usageProblems
    ? usageFailure(`${output}: ${usageProblems[code]}`)
    : writeFailure(output, error as NodeJS.ErrnoException)
}

/** The file to replace or make: behind a link the file that it leads to. */
const resolveFile = (output: string, overwrite: boolean): string => {
  const stat = fs.statSync(output, { throwIfNoEntry: false })
  if (stat === undefined) return output
  if (stat.isDirectory()) throw usageFailure(`${output} is a folder; name a file in it`)
  if (!stat.isFile()) throw usageFailure(`${output} is no file that could be replaced; write to standard output with -`)
  if (!overwrite) throw alreadyThere(output)
  return fs.realpathSync(output)
}

const alreadyThere = (output: string): CommandFailure =>
  usageFailure(`${output} exists already; replace it with --overwrite, or name another file`)

const attempt = <A>(output: string, run: () => Promise<A>): Effect.Effect<A, CommandFailure> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => error instanceof CommandFailure ? error : failureOf(output, error)
  })

const writeAll = async (handle: FileHandle, pieces: ReadonlyArray<Uint8Array>): Promise<void> => {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) at += (await handle.write(piece, at, piece.length - at)).bytesWritten
  }
}

/** Makes the names of a folder's files last. */
const syncFolder = async (folder: string): Promise<void> => {
  try {
    const handle = await open(folder, "r")
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Some systems open or sync no folders: there the name is as safe as they make it.
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
  }
}

/**
 * Opens a file of another name beside `output` until the scope closes; `complete` gives it its name, and else it is
 * removed. A file that is there is refused, or with `overwrite` replaced at that moment and not before.
 */
export const openFileTarget = Effect.fnUntraced(
  function*(output: string, overwrite: boolean): Effect.fn.Return<ExportTarget, CommandFailure, Scope.Scope> {
    const file = yield* attempt(output, async () => resolveFile(output, overwrite))
    const folder = path.dirname(file)
    const temporary = path.join(folder, `.${path.basename(file).slice(0, 100)}.${process.pid}.partial`)
    const handle = yield* Effect.acquireRelease(
      attempt(output, () => open(temporary, "w")),
      (handle) =>
        Effect.promise(async () => {
          await handle.close().catch(() => {})
          fs.rmSync(temporary, { force: true })
        })
    )
    return {
      write: (pieces) => attempt(output, () => writeAll(handle, pieces)),
      complete: Effect.uninterruptible(attempt(output, async () => {
        await handle.sync()
        await handle.close()
        // It may have come meanwhile.
        if (!overwrite && fs.existsSync(file)) throw alreadyThere(output)
        fs.renameSync(temporary, file)
        await syncFolder(folder)
      }))
    }
  }
)

/**
 * Standard output, which takes bytes as fast as its reader does. Where it takes none any more the program is ended by
 * whoever watches it, for all commands alike.
 */
export const standardOutput: ExportTarget = {
  write: (pieces) =>
    Effect.forEach(pieces, (piece) =>
      Effect.callback<void>((resume) => {
        process.stdout.write(piece, (error) => {
          if (error === undefined || error === null) resume(Effect.void)
        })
      }), { discard: true }),
  complete: Effect.void
}
