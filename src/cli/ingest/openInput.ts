/** Opens a file, or standard input, in whichever format it is. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as path from "node:path"
import { type CommandFailure, usageFailure } from "../failure.ts"
import { type ByteFeed, openByteFeed } from "./ByteFeed.ts"
import { type Input, type InputFormat, inputFormats } from "./Input.ts"

const extensions: Readonly<Record<string, InputFormat>> = {
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".json": "json",
  ".csv": "csv",
  ".tsv": "csv",
  ".parquet": "parquet"
}

/** Bytes that tell a JSON array, a record over several lines, and records on lines apart. */
const peekBytes = 64 * 1024

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const openText = Effect.fnUntraced(function*(
  feed: ByteFeed,
  name: string,
  format: InputFormat,
  extension: string,
  isExport: boolean
) {
  switch (format) {
    case "csv":
      return (yield* Effect.promise(() => import("./csv.ts"))).openCsv(
        feed,
        name,
        extension === ".tsv" ? "\t" : ",",
        isExport
      )
    case "ndjson":
      return (yield* Effect.promise(() => import("./ndjson.ts"))).openNdjson(feed, name)
    default: {
      const text = (yield* feed.peek(peekBytes)).toString("utf8").trimStart()
      const { openJsonArray, openJsonRecord } = yield* Effect.promise(() => import("./jsonArray.ts"))
      if (text.startsWith("[")) return openJsonArray(feed, name)
      // Many files called .json hold a record on each line.
      if (!text.includes("\n") || !isJson(text.slice(0, text.indexOf("\n")))) return openJsonRecord(feed, name)
      return (yield* Effect.promise(() => import("./ndjson.ts"))).openNdjson(feed, name)
    }
  }
})

/** Which text format it must be, by how it begins. */
const guess = Effect.fnUntraced(function*(feed: ByteFeed) {
  const first = (yield* feed.peek(1)).toString("utf8").trimStart().charAt(0)
  return first === "[" || first === "{" ? "json" : "csv"
})

/**
 * Opens `file` until the scope closes; `-` is standard input. The format is that of its extension where none is named; for
 * standard input it is found by looking at the first bytes. `isExport`: read it as what `varve export` wrote.
 */
export const openInput = Effect.fnUntraced(
  function*(
    file: string,
    format: InputFormat | undefined,
    isExport = false
  ): Effect.fn.Return<Input, CommandFailure, Scope.Scope> {
    const extension = path.extname(file).toLowerCase()
    const named = format ?? extensions[extension]
    if (named === undefined && file !== "-") {
      return yield* usageFailure(
        `${file}: the format is not known by the file's name; call it .ndjson, .json, .csv or .parquet, or ` +
          `name the format with --input-format ${inputFormats.join("|")}`
      )
    }
    const name = file === "-" ? "-" : path.basename(file)
    if (named === "parquet") {
      const { openParquet } = yield* Effect.promise(() => import("./parquet.ts"))
      return yield* openParquet(file, name)
    }
    const feed = yield* openByteFeed(file)
    return yield* openText(feed, name, named ?? (yield* guess(feed)), extension, isExport)
  }
)
