/** Whether what the catalog says of a table's segments can be true: pure, for a running server and for stopped ones. */
import { compareBytes } from "../base/bytes.ts"
import type { Table } from "../catalog/state.ts"
import type { SegmentEntry } from "../event/Event.ts"
import type { SegmentMetadata } from "../segment/read/metadata.ts"

/** What is wrong with a file. */
export interface SegmentProblem {
  readonly file: string
  readonly problem: string
}

/** What contradicts itself in the catalog's entries of a table. */
export const checkSegments = (table: Table): ReadonlyArray<SegmentProblem> => {
  const problems: Array<SegmentProblem> = []
  const names = new Set<string>()
  for (const segment of table.segments) {
    if (names.has(segment.name)) problems.push({ file: segment.name, problem: "is named twice" })
    names.add(segment.name)
    const problem = entryProblem(table, segment)
    if (problem !== undefined) problems.push({ file: segment.name, problem })
  }
  for (const level of new Set(table.segments.map(({ level }) => level))) {
    problems.push(...checkLevel(table.segments.filter((segment) => segment.level === level), level))
  }
  return problems
}

const entryProblem = ({ flushedThrough, versions }: Table, segment: SegmentEntry): string | undefined => {
  const { deletions, firstKey, firstPosition, firstTime, keys, lastKey, lastPosition, lastTime, rows } = segment
  if (rows === 0) return "holds no rows"
  if (keys === 0 || keys > rows) return `holds ${keys} keys in ${rows} rows`
  if (deletions > rows) return `holds ${deletions} deletions in ${rows} rows`
  if (compareBytes(firstKey, lastKey) > 0) return "ends with a key before its first one"
  if (firstPosition > lastPosition) return `ends at position ${lastPosition}, before its first one, ${firstPosition}`
  if (lastPosition - firstPosition + 1 < rows)
    return `holds more rows than positions ${firstPosition} to ${lastPosition}`
  if (firstTime > lastTime) return "ends before its first commit time"
  if (lastPosition > flushedThrough) {
    return `holds position ${lastPosition}, and the table is flushed up to ${flushedThrough} only`
  }
  return segment.schemaVersion >= 1 && segment.schemaVersion <= versions.length
    ? undefined
    : `has schema version ${segment.schemaVersion}, and the table has versions 1 to ${versions.length}`
}

/** Files of one level, from the oldest to the newest: at level 0 by positions, below by keys. */
const checkLevel = (segments: ReadonlyArray<SegmentEntry>, level: number): ReadonlyArray<SegmentProblem> =>
  segments.slice(1).flatMap((segment, i) => {
    const before = segments[i]
    if (level > 0) {
      return compareBytes(before.lastKey, segment.firstKey) < 0
        ? []
        : [{ file: segment.name, problem: `shares keys with ${before.name}, which is of level ${level} too` }]
    }
    return before.lastPosition < segment.firstPosition
      ? []
      : [{ file: segment.name, problem: `shares positions with ${before.name}, which is of level 0 too` }]
  })

/** What of a file's footer is not what the catalog says of it; `undefined` where nothing is. */
export const footerProblem = (
  table: number,
  segment: SegmentEntry,
  metadata: SegmentMetadata,
  fileBytes: number
): string | undefined => {
  const sum = (of: "keys" | "deletions"): number => metadata.rowGroups.reduce((total, group) => total + group[of], 0)
  const expected: ReadonlyArray<readonly [what: string, inFile: number, inCatalog: number]> = [
    ["bytes", fileBytes, segment.bytes],
    ["as its table", metadata.table, table],
    ["as its schema version", metadata.schemaVersion, segment.schemaVersion],
    ["rows", metadata.rows, segment.rows],
    ["keys", sum("keys"), segment.keys],
    ["deletions", sum("deletions"), segment.deletions],
    ["as its first position", metadata.minPosition, segment.firstPosition],
    ["as its last position", metadata.maxPosition, segment.lastPosition]
  ]
  const wrong = expected.find(([, inFile, inCatalog]) => inFile !== inCatalog)
  if (wrong !== undefined) return `has ${wrong[1]} ${wrong[0]}, and the catalog says ${wrong[2]}`
  const { max } = metadata.keyBounds[metadata.keyBounds.length - 1]
  const { min } = metadata.keyBounds[0]
  const isSame = compareBytes(min as Uint8Array, segment.firstKey) === 0 &&
    compareBytes(max as Uint8Array, segment.lastKey) === 0
  return isSame ? undefined : "has other first and last keys than the catalog says"
}
