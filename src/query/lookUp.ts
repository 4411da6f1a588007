/** Keys to their newest versions, over all sources: the newest source that holds a key at all has the answer. */
import * as Effect from "effect/Effect"
import { compareBytes } from "../base/bytes.ts"
import type { Sources } from "./openSources.ts"
import type { QueryError } from "./Query.ts"
import type { Candidate, Source } from "./scan/Source.ts"

/** Keys that are looked for in one segment at the same time. */
const concurrency = 16

/** Where the newest version of each key is, a deletion included: row `rows[i]` of source `sources[i]`, or -1. */
export interface Located {
  readonly sources: Int32Array
  readonly rows: Int32Array
}

/** Different keys, ascending. */
export const distinctKeys = (keys: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const sorted = [...keys].sort(compareBytes)
  return sorted.filter((key, i) => i === 0 || compareBytes(key, sorted[i - 1]) !== 0)
}

/** Locates keys, which ascend. */
export const locate = Effect.fnUntraced(
  function*(sources: ReadonlyArray<Source>, keys: ReadonlyArray<Uint8Array>): Effect.fn.Return<Located, QueryError> {
    const located: Located = {
      sources: new Int32Array(keys.length).fill(-1),
      rows: new Int32Array(keys.length).fill(-1)
    }
    let missing = keys.map((_, i) => i)
    for (let number = sources.length - 1; number >= 0 && missing.length > 0; number--) {
      const source = sources[number]
      const asked = missing.filter((i) => source.mayHold(keys[i]))
      if (asked.length === 0) continue
      const found = yield* Effect.forEach(asked, (i) => source.newest(keys[i]), {
        concurrency: asked.length > 1 && source.kind === "segment" ? concurrency : 1
      })
      let any = false
      found.forEach((row, i) => {
        if (row < 0) return
        any = true
        located.sources[asked[i]] = number
        located.rows[asked[i]] = row
      })
      if (any) missing = missing.filter((i) => located.sources[i] < 0)
    }
    return located
  }
)

/** The rows of keys as what a read visits. */
export const lookedUp = Effect.fnUntraced(
  function*({ all }: Sources, keys: ReadonlyArray<Uint8Array>): Effect.fn.Return<ReadonlyArray<Candidate>, QueryError> {
    const distinct = distinctKeys(keys)
    const located = yield* locate(all, distinct)
    const candidates: Array<Candidate> = []
    for (let source = 0; source < all.length; source++) {
      const rows = located.rows.filter((_, i) => located.sources[i] === source).sort()
      if (rows.length === 0) continue
      for (const part of yield* all[source].partsOf(rows)) {
        candidates.push({ source, rows: part.rows, bounds: () => undefined, content: part })
      }
    }
    return candidates
  }
)
