/** The pages of a segment that indexes leave of it, where looking into them pays. */
import * as Effect from "effect/Effect"
import type { SegmentView } from "../../mvcc/Mvcc.ts"
import type { Column } from "../../schema/types.ts"
import { pagesOfRowGroup } from "../../segment/valueIndex/format.ts"
import type { IndexUse, Unused, WantedIndex } from "./IndexUse.ts"

/** So few pages are read sooner than an index. */
const fewPages = 4

/** At most one block of an index is read for so many pages of a column: a block takes about as long as a page. */
const pagesForBlock = 8
const blocksMin = 4

/** Of the pages that are left at most this share may be found: behind that, reading all of them in one go costs less. */
const shareMax = 0.5

/** What bounds leave of a segment. */
export interface PagesLeft {
  readonly hasRowGroup: (rowGroup: number) => boolean
  /** At most so many. */
  readonly pages: number
}

/** What is known of a segment before an index is asked. */
export interface IndexedSegment extends Pick<SegmentView, "entry" | "useIndex"> {
  /** Whether the column's values are those in the file. */
  readonly isStored: (column: Column) => boolean
  /** What bounds leave. */
  readonly left: PagesLeft
}

/** Wanted pages of each row group that has any. */
export type FoundPages = ReadonlyMap<number, ReadonlyArray<number>>

/** Asks indexes. `undefined` where none was of use; each tells `use` what came of it. */
export const findPages = Effect.fnUntraced(
  function*(
    use: IndexUse,
    segment: IndexedSegment,
    onUsed: (name: string) => void
  ): Effect.fn.Return<FoundPages | undefined> {
    if (use.wanted.length === 0) return undefined
    let left: ReadonlyArray<number> | undefined
    for (const wanted of use.wanted) {
      if (segment.left.pages <= fewPages) use.skip(wanted, "min and max leave few pages")
      else if (left !== undefined && left.length <= fewPages) use.skip(wanted, "other indexes leave few pages")
      else {
        const found = yield* ask(wanted, segment)
        if (typeof found === "string") {
          use.skip(wanted, found)
          continue
        }
        use.use(wanted, found.pages.length, found.allPages)
        onUsed(wanted.index.name)
        left = left === undefined ? found.pages : common(left, found.pages)
      }
    }
    return left && byRowGroup(left)
  }
)

/** The pages that an index finds, or why they are not of use. */
const ask = Effect.fnUntraced(
  function*(
    { column, index, ranges }: WantedIndex,
    { entry, isStored, left, useIndex }: IndexedSegment
  ): Effect.fn.Return<{ readonly pages: ReadonlyArray<number>; readonly allPages: number } | Unused> {
    const file = entry.indexes.find((each) => each.index === index.name && each.version === index.version)
    if (file === undefined) return "it has no file yet"
    if (!isStored(column)) return "older rows take the column's default"
    const found = yield* useIndex(file.name, (values) =>
      Effect.map(
        values.pagesOf(ranges, Math.max(blocksMin, Math.floor(left.pages / pagesForBlock))),
        (pages) => ({ pages, allPages: values.pageCount })
      ))
    if (found === undefined) return "its file cannot be read"
    const { allPages, pages } = found
    if (pages === undefined) return "most pages hold such values"
    const wanted = pages.filter((page) => left.hasRowGroup(Math.floor(page / pagesOfRowGroup)))
    if (wanted.length <= left.pages * shareMax) return { pages, allPages }
    return pages.length > allPages * shareMax ? "most pages hold such values" : "min and max leave hardly more"
  }
)

/** Numbers that are in both lists, which ascend. */
const common = (left: ReadonlyArray<number>, right: ReadonlyArray<number>): ReadonlyArray<number> => {
  const others = new Set(right)
  return left.filter((page) => others.has(page))
}

const byRowGroup = (pages: ReadonlyArray<number>): FoundPages => {
  const groups = new Map<number, Array<number>>()
  for (const page of pages) {
    const rowGroup = Math.floor(page / pagesOfRowGroup)
    const group = groups.get(rowGroup)
    if (group === undefined) groups.set(rowGroup, [page % pagesOfRowGroup])
    else group.push(page % pagesOfRowGroup)
  }
  return groups
}
