/**
 * Files in a directory, through the callback functions of node:fs, which cost least: the promise ones are the slowest
 * way to a file in Node, and the synchronous ones would stop every other fiber.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import type { BlockFile, BlockStorageService, OpenOptions, StorageError } from "./BlockStorage.ts"
import { fileError } from "./fileErrors.ts"
import { lockDirectory } from "./fileLock.ts"

/** Most chunks that one writev takes (IOV_MAX on Linux and macOS). */
const chunksPerWriteMax = 1024

/** Most bytes of one read or write call: Linux moves at most 2 GiB - 4 KiB at once. */
const bytesPerCallMax = 1024 * 1024 * 1024

/**
 * One call of a callback function of node:fs. Uninterruptible: a file must not be closed, and its number given to
 * another file, while a call on it is under way.
 */
const call = <A>(
  operation: string,
  file: string,
  register: (done: (error: NodeJS.ErrnoException | null, value?: A) => void) => void
): Effect.Effect<A, StorageError> =>
  Effect.uninterruptible(
    Effect.callback<A, StorageError>((resume) =>
      register((error, value) =>
        resume(error === null ? Effect.succeed(value as A) : Effect.fail(fileError(operation, file, error)))
      )
    )
  )

const readAll = (descriptor: number, file: string, offset: number, length: number) =>
  call<Uint8Array<ArrayBuffer>>("read", file, (done) => {
    // allocUnsafeSlow: never a part of Node's shared pool, so it begins at an aligned address.
    const bytes = Buffer.allocUnsafeSlow(length)
    let filled = 0
    const next = (): void => {
      fs.read(
        descriptor,
        bytes,
        filled,
        Math.min(length - filled, bytesPerCallMax),
        offset + filled,
        (error, count) => {
          if (error !== null) return done(error)
          filled += count
          if (filled === length || count === 0) return done(null, new Uint8Array(bytes.buffer, 0, filled))
          next()
        }
      )
    }
    if (length === 0) return done(null, new Uint8Array(0))
    next()
  })

const writeAll = (descriptor: number, file: string, start: number, chunks: ReadonlyArray<Uint8Array>) =>
  call<void>("write", file, (done) => {
    let index = 0
    // Bytes of chunks[index] that are already written.
    let skip = 0
    let offset = start
    const next = (): void => {
      while (index < chunks.length && chunks[index].length === skip) {
        index++
        skip = 0
      }
      if (index === chunks.length) return done(null)
      const parts: Array<Uint8Array> = []
      let bytes = 0
      for (let i = index; i < chunks.length && parts.length < chunksPerWriteMax && bytes < bytesPerCallMax; i++) {
        const part = i === index && skip > 0 ? chunks[i].subarray(skip) : chunks[i]
        parts.push(part)
        bytes += part.length
      }
      fs.writev(descriptor, parts, offset, (error, count) => {
        if (error !== null) return done(error)
        offset += count
        // The system may take a part only: go on behind it.
        let taken = count
        while (taken > 0) {
          const rest = chunks[index].length - skip
          if (taken < rest) {
            skip += taken
            break
          }
          taken -= rest
          index++
          skip = 0
        }
        next()
      })
    }
    next()
  })

const openFile = (file: string, flags: number): Effect.Effect<BlockFile, StorageError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      call<number>("open", file, (done) => fs.open(file, flags, 0o640, done)),
      (descriptor) => Effect.ignore(call<void>("close", file, (done) => fs.close(descriptor, done)))
    ),
    (descriptor): BlockFile => ({
      path: file,
      size: call<number>("read the size of", file, (done) =>
        fs.fstat(descriptor, (error, stat) =>
          done(error, stat?.size))),
      read: (offset, length) =>
        readAll(descriptor, file, offset, length),
      write: (offset, chunks) => writeAll(descriptor, file, offset, chunks),
      sync: call<void>("sync", file, (done) => fs.fdatasync(descriptor, done)),
      truncate: (size) => call<void>("truncate", file, (done) => fs.ftruncate(descriptor, size, done))
    })
  )

const syncFolder = (folder: string): Effect.Effect<void, StorageError> =>
  Effect.scoped(Effect.flatMap(
    Effect.acquireRelease(
      call<number>("open", folder, (done) => fs.open(folder, fs.constants.O_RDONLY, done)),
      (descriptor) => Effect.ignore(call<void>("close", folder, (done) => fs.close(descriptor, done)))
    ),
    (descriptor) => call<void>("sync", folder, (done) => fs.fsync(descriptor, done))
  ))

/**
 * Makes a folder and those above it, each synced into its parent. One at a time: Node's own `recursive` never ends
 * where a file system (such as /proc) lets no folder be made but says that the parent is missing.
 */
const makeFolder = (folder: string): Effect.Effect<void, StorageError> =>
  Effect.suspend(() => {
    if (fs.existsSync(folder)) return Effect.void
    const parent = path.dirname(folder)
    return makeFolder(parent).pipe(
      Effect.andThen(call<void>("create", folder, (done) =>
        fs.mkdir(folder, { mode: 0o750 }, (error) =>
          done(error?.code === "EEXIST" ? null : error)))),
      Effect.andThen(syncFolder(parent))
    )
  })

const listFolder = (root: string, folder: string): Effect.Effect<ReadonlyArray<string>, StorageError> =>
  Effect.catch(
    Effect.map(
      call<Array<fs.Dirent>>(
        "list",
        path.join(root, folder),
        (done) => fs.readdir(path.join(root, folder), { recursive: true, withFileTypes: true }, done)
      ),
      (entries) =>
        entries
          .filter((entry) => entry.isFile())
          .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    ),
    (error) => error.reason === "NotFound" ? Effect.succeed([]) : Effect.fail(error)
  )

/** Where the files are. */
export interface FileStorageOptions {
  /** The directory. */
  readonly root: string
  /** Make the directory where it does not exist. Default true; tools that only look say false. */
  readonly create?: boolean
}

/** A storage in a directory. Fails where the directory cannot be made or is none. */
export const makeFileStorage = Effect.fnUntraced(function*(options: FileStorageOptions) {
  const root = path.resolve(options.root)
  if (options.create ?? true) yield* makeFolder(root)
  else yield* call("open", root, (done) => fs.readdir(root, done))

  const locate = (name: string): string => {
    const file = path.join(root, name)
    if (!file.startsWith(root + path.sep)) throw new Error(`not a name of a file in the storage: ${name}`)
    return file
  }

  const storage: BlockStorageService = {
    description: `data directory ${root}`,
    list: (prefix) =>
      Effect.map(
        listFolder(root, prefix.slice(0, prefix.lastIndexOf("/") + 1)),
        (names) => names.filter((name) => name.startsWith(prefix)).sort()
      ),
    open: Effect.fnUntraced(function*(name: string, how?: OpenOptions) {
      const file = locate(name)
      const access = how?.readOnly === true ? fs.constants.O_RDONLY : fs.constants.O_RDWR
      if (how?.create !== true) return yield* openFile(file, access)
      yield* makeFolder(path.dirname(file))
      return yield* openFile(file, access | fs.constants.O_CREAT)
    }),
    remove: (name) => call<void>("remove", locate(name), (done) => fs.unlink(locate(name), done)),
    rename: (from, to) =>
      Effect.andThen(
        makeFolder(path.dirname(locate(to))),
        call<void>("rename", locate(from), (done) => fs.rename(locate(from), locate(to), done))
      ),
    syncDirectory: (folder) => syncFolder(path.join(root, folder)),
    lock: lockDirectory(root)
  }
  return storage
})
