import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { makeFileStorage } from "../../src/storage/fileStorage.ts"
import { storageConformance } from "./conformance.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "varve-storage-"))),
  (root) => Effect.sync(() => fs.rmSync(root, { recursive: true, force: true }))
)

storageConformance("file", Effect.flatMap(temporaryDirectory, (root) => makeFileStorage({ root })))

/** A process that owns `root` until it is killed. */
const ownInAnotherProcess = (root: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const source = new URL("../../src/storage/fileStorage.ts", import.meta.url)
      const program = `
        import * as Effect from "effect/Effect"
        import { makeFileStorage } from ${JSON.stringify(source.href)}
        const storage = await Effect.runPromise(makeFileStorage({ root: ${JSON.stringify(root)} }))
        await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
          yield* storage.lock
          process.stdout.write("owned")
          setInterval(() => {}, 1000)
          yield* Effect.never
        })))`
      const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
        cwd: path.dirname(new URL(import.meta.url).pathname)
      })
      await once(child.stdout, "data")
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("files in a directory", () => {
  it.effect("are owned by one process; the refusal names it, and its death frees them", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      const storage = yield* makeFileStorage({ root })
      const owner = yield* ownInAnotherProcess(root)
      const error = yield* Effect.flip(Effect.scoped(storage.lock))
      assert.strictEqual(error.reason, "InUse")
      assert.match(
        error.message,
        new RegExp(
          `data directory ${root} is in use by process ${owner.pid} since .*; stop it or choose another --data-dir`
        )
      )
      const gone = once(owner, "exit")
      owner.kill("SIGKILL")
      yield* Effect.promise(() => gone)
      yield* Effect.scoped(storage.lock)
    }))

  it.effect.skipIf(!fs.existsSync("/dev/full"))("say StorageFull where the device is", () =>
    Effect.gen(function*() {
      const storage = yield* makeFileStorage({ root: "/dev", create: false })
      const file = yield* storage.open("full")
      const error = yield* Effect.flip(file.write(0, [new Uint8Array(10)]))
      assert.strictEqual(error.reason, "StorageFull")
      assert.include(error.message, "cannot write /dev/full: no space is left on the device")
    }))

  it.effect("say what is in the way where the directory cannot be made", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      fs.writeFileSync(path.join(root, "file"), "")
      const error = yield* Effect.flip(makeFileStorage({ root: path.join(root, "file", "data") }))
      assert.strictEqual(error.reason, "Failed")
      assert.include(error.message, path.join(root, "file", "data"))
      assert.include(error.message, "--data-dir")
    }))

  it.effect("are not made by a tool that only looks", () =>
    Effect.gen(function*() {
      const root = path.join(yield* temporaryDirectory, "absent")
      const error = yield* Effect.flip(makeFileStorage({ root, create: false }))
      assert.strictEqual(error.reason, "NotFound")
      assert.isFalse(fs.existsSync(root))
    }))

  it.effect("have no names outside of it", () =>
    Effect.gen(function*() {
      const storage = yield* makeFileStorage({ root: yield* temporaryDirectory })
      const exit = yield* Effect.exit(Effect.scoped(storage.open("../outside", { create: true })))
      assert.strictEqual(exit._tag, "Failure")
    }))

  it.effect("refuse writes that were opened for reading only", () =>
    Effect.gen(function*() {
      const storage = yield* makeFileStorage({ root: yield* temporaryDirectory })
      yield* Effect.scoped(storage.open("a", { create: true }))
      const file = yield* storage.open("a", { readOnly: true })
      const error = yield* Effect.flip(file.write(0, [new Uint8Array(1)]))
      assert.include(error.message, "cannot write")
    }))
})
