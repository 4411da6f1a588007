import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { makeFileStorage } from "../../src/storage/fileStorage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { walConformance } from "./conformance.ts"

walConformance("memory", makeMemoryStorage)

walConformance(
  "file",
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "varve-wal-"))),
      (root) => Effect.sync(() => fs.rmSync(root, { recursive: true, force: true }))
    ),
    (root) => makeFileStorage({ root })
  )
)
