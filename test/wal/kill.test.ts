/** A process that is killed while it appends to files: what it was told is durable is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { seededDice } from "../../src/storage/crashImage.ts"
import { makeFileStorage } from "../../src/storage/fileStorage.ts"
import { payloadOf, readFrom, withWal } from "./support.ts"

const roundCount = Number(process.env["VARVE_KILL_ROUNDS"] ?? 6)
const options = { segmentBytes: 256 * 1024 }

const program = (root: string): string => {
  const from = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)
  return `
    import * as Effect from "effect/Effect"
    import { makeFileStorage } from ${from("../../src/storage/fileStorage.ts")}
    import { append, frameOf, withWal } from ${from("./support.ts")}
    const storage = await Effect.runPromise(makeFileStorage({ root: ${JSON.stringify(root)} }))
    await Effect.runPromise(withWal(storage, (wal) => Effect.gen(function*() {
      for (;;) {
        const first = wal.writtenPosition + 1
        const group = Array.from({ length: 1 + first % 5 }, (_, i) => frameOf(first + i, (first + i) % 7000))
        const { last } = yield* append(wal, group)
        process.stdout.write(last + "\\n")
      }
    }), ${JSON.stringify(options)}))`
}

/** Appends for so long, then dies; gives the last position that it was told is durable. */
const appendUntilKilled = async (root: string, millis: number): Promise<number> => {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program(root)], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: import.meta.dirname
  })
  let output = ""
  child.stdout.on("data", (data) => {
    output += data
  })
  await once(child.stdout, "data")
  await new Promise((resolve) => setTimeout(resolve, millis))
  const closed = once(child, "close")
  child.kill("SIGKILL")
  await closed
  const lines = output.split("\n")
  // The last line may be cut short.
  return Number(lines[lines.length - 2])
}

describe("after a kill", () => {
  it.effect(`the log has all that was acknowledged (${roundCount} rounds)`, () =>
    Effect.acquireUseRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "varve-kill-"))),
      (root) =>
        Effect.gen(function*() {
          const dice = seededDice(1)
          for (let round = 0; round < roundCount; round++) {
            const acknowledged = yield* Effect.promise(() => appendUntilKilled(root, dice() * 150))
            const storage = yield* makeFileStorage({ root })
            const found = yield* withWal(storage, (wal) => readFrom(wal), options)
            assert.isTrue(found.length >= acknowledged, `${found.length} < ${acknowledged}`)
            found.forEach((frame, i) => {
              assert.strictEqual(frame.position, i + 1)
              assert.isTrue(Buffer.from(payloadOf(i + 1, (i + 1) % 7000)).equals(frame.payload))
            })
          }
        }),
      (root) => Effect.sync(() => fs.rmSync(root, { recursive: true, force: true }))
    ), 300_000)
})
