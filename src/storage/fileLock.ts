/**
 * Exclusive ownership of a directory. Node has no flock, but SQLite, which is part of Node, holds a kernel lock on its
 * file while an exclusive transaction is open. The kernel drops it when the process dies, however it dies, so that no
 * stale lock is ever in the way; and SQLite refuses a second connection of the same process as well.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { StorageError } from "./BlockStorage.ts"
import { fileError } from "./fileErrors.ts"

/** The file that the kernel lock is on. It stays when the lock is released. */
export const lockFileName = "LOCK"

/** A text file beside it that tells people who has the lock; it means nothing to the lock itself. */
export const ownerFileName = "LOCK.owner"

// SQLite's result codes, as node:sqlite gives them in `errcode`.
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

const describeOwner = (root: string): string => {
  try {
    const owner = JSON.parse(fs.readFileSync(path.join(root, ownerFileName), "utf8"))
    if (!Number.isSafeInteger(owner.pid)) return "another process"
    return owner.pid === process.pid ? `this process (${owner.pid})` : `process ${owner.pid} since ${owner.since}`
  } catch {
    return "another process"
  }
}

const acquire = (root: string, since: string): DatabaseSync => {
  const database = new DatabaseSync(path.join(root, lockFileName))
  try {
    database.exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE")
    fs.writeFileSync(path.join(root, ownerFileName), JSON.stringify({ pid: process.pid, since }) + "\n")
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const refusal = (root: string, error: unknown): StorageError => {
  const code = (error as { readonly errcode?: number }).errcode
  if (code === SQLITE_BUSY || code === SQLITE_LOCKED) {
    return new StorageError({
      reason: "InUse",
      path: root,
      message: `data directory ${root} is in use by ${describeOwner(root)}; stop it or choose another --data-dir`
    })
  }
  return fileError("lock", path.join(root, lockFileName), error)
}

/** Locks the directory `root` until the scope closes. Fails with `InUse` where someone else has it. */
export const lockDirectory = (root: string): Effect.Effect<void, StorageError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.try({
        try: () => acquire(root, new Date(now).toISOString()),
        catch: (error) => refusal(root, error)
      })),
    (database) =>
      Effect.sync(() => {
        try {
          fs.rmSync(path.join(root, ownerFileName), { force: true })
        } finally {
          database.close()
        }
      }).pipe(Effect.ignoreCause)
  ).pipe(Effect.asVoid)
