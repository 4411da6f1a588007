/** A record's metadata: from map entries on the wire to the one form in which it is kept. */
import { encodeUtf8 } from "../base/bytes.ts"
import { metadataBytesMax, metadataEntriesMax } from "../base/limits.ts"
import { entry, readEntry, readString, ValueError } from "../schema/decoder/structValue.ts"

/**
 * The JSON object, with sorted names, of the entries at `ranges` (start and end of each, one after another). A string
 * says what is wrong with them instead.
 */
export const encodeMetadata = (bytes: Uint8Array, ranges: ReadonlyArray<number>): Uint8Array | string => {
  const pairs = new Map<string, string>()
  let size = 0
  try {
    for (let i = 0; i < ranges.length; i += 2) {
      if (!readEntry(bytes, ranges[i], ranges[i + 1])) return "is no map of strings"
      const { keyEnd, keyStart, valueEnd, valueStart } = entry
      size += keyEnd - keyStart + valueEnd - valueStart
      pairs.set(readString(bytes, keyStart, keyEnd), readString(bytes, valueStart, valueEnd))
    }
  } catch (error) {
    if (error instanceof ValueError) return "holds a string that is not valid UTF-8"
    throw error
  }
  if (pairs.size > metadataEntriesMax) return `has ${pairs.size} entries; ${metadataEntriesMax} are allowed`
  if (size > metadataBytesMax) return `has ${size} bytes; ${metadataBytesMax} are allowed`
  const names = [...pairs.keys()].sort()
  return encodeUtf8(
    `{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(pairs.get(name))}`).join(",")}}`
  )
}
