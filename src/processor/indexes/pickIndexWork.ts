/** What is to be done next for a table's indexes: a pure function of what the catalog says. */
import type { Table } from "../../catalog/state.ts"
import type { SegmentEntry, TableSettings } from "../../event/Event.ts"

/** An index as it was declared. */
export type Index = TableSettings["indexes"][number]

/** A file of an index, as the catalog has it. */
type IndexFile = SegmentEntry["indexes"][number]

/** A file that is to be built, or files that no index needs any more. */
export type IndexWork =
  | { readonly kind: "build"; readonly segment: SegmentEntry; readonly index: Index }
  | { readonly kind: "remove" }

/** The declared index that a file is of; `undefined` where it was dropped, or is built anew. */
export const indexOf = ({ settings }: Table, { index, version }: IndexFile): Index | undefined =>
  settings.indexes.find((each) => each.name === index && each.version === version)

/** The files of a segment that are of use. */
export const filesInUse = (table: Table, segment: SegmentEntry): ReadonlyArray<IndexFile> =>
  segment.indexes.filter((file) => indexOf(table, file) !== undefined)

/** The table's segments that have other files. */
export const withFilesToRemove = (table: Table): ReadonlyArray<SegmentEntry> =>
  table.segments.filter((segment) => filesInUse(table, segment).length < segment.indexes.length)

/**
 * Picks. Files go first, in one step; then one file is built, of the segment with the most rows that lacks one: there it is
 * worth the most. `isFaulty` says of a file's name that it cannot be read; `isPutOff`, that a file could not be built
 * and is not to be tried again yet.
 */
export const pickIndexWork = (
  table: Table,
  isFaulty: (name: string) => boolean,
  isPutOff: (segment: SegmentEntry, index: Index) => boolean
): IndexWork | undefined => {
  if (withFilesToRemove(table).length > 0) return { kind: "remove" }
  let best: Extract<IndexWork, { kind: "build" }> | undefined
  for (const segment of table.segments) {
    if (best !== undefined && best.segment.rows >= segment.rows) continue
    const index = table.settings.indexes.find((each) =>
      !segment.indexes.some((file) => file.index === each.name && !isFaulty(file.name)) && !isPutOff(segment, each)
    )
    if (index !== undefined) best = { kind: "build", segment, index }
  }
  return best
}
