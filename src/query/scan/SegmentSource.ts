/** A segment as a source of rows, at one snapshot. Row groups are its parts, or less where bounds rule pages out. */
import * as Effect from "effect/Effect"
import { compareBytes } from "../../base/bytes.ts"
import { storedColumns } from "../../catalog/state.ts"
import type { SegmentEntry } from "../../event/Event.ts"
import type { SegmentView } from "../../mvcc/Mvcc.ts"
import type { Column } from "../../schema/types.ts"
import { pageRows } from "../../segment/format.ts"
import { findKey, type RowRange } from "../../segment/lookup.ts"
import type { RowGroupIndex } from "../../segment/read/RowGroupIndex.ts"
import type { Segment } from "../../segment/Segment.ts"
import { findPages, type FoundPages, type PagesLeft } from "../indexes/findPages.ts"
import type { IndexUse } from "../indexes/IndexUse.ts"
import { entryBounds } from "../prune/entryBounds.ts"
import type { Judge, Pruner } from "../prune/Pruner.ts"
import type { QueryError } from "../Query.ts"
import { mvccReads, segmentReads } from "../refusals.ts"
import { givenRows } from "./givenRows.ts"
import type { SourceContext } from "./MemtableSource.ts"
import { cutRun, groupBounds, joinPages, type PartShape, runBounds } from "./PageRuns.ts"
import { type PageRun, SegmentBlock } from "./SegmentBlock.ts"
import { SegmentColumns } from "./SegmentColumns.ts"
import { keepLiving, positionOf, segmentVisibility, type Visible } from "./segmentVisibility.ts"
import type { Candidate, OpenPart, Part, RecordRows, Source } from "./Source.ts"

/** Of so few row groups the page indexes are read before an index is asked: they are likely to be needed. */
const fewRowGroups = 2

const countWanted = (isWanted: Uint8Array): number => isWanted.reduce((sum, wanted) => sum + wanted, 0)

/** Rows [first, end) of a list lie in one page. */
interface PageRows {
  readonly first: number
  readonly end: number
  readonly block: SegmentBlock
}

/** What a segment's parts are made by. */
export interface SegmentContext extends SourceContext {
  readonly pruner: Pruner
  readonly indexes: IndexUse
  readonly shape: PartShape
}

export class SegmentSource implements Source {
  readonly kind = "segment"
  readonly rows: number
  readonly entry: SegmentEntry
  readonly candidate: Candidate
  private readonly context: SegmentContext
  private readonly number: number
  private readonly view: SegmentView
  private readonly columns: SegmentColumns
  /** What indexes leave, once they were asked. */
  private indexed: { readonly pages: FoundPages | undefined } | undefined

  /** `number`: the source's. */
  constructor(context: SegmentContext, number: number, view: SegmentView, keyName: string | undefined) {
    const { entry } = view
    const stored = storedColumns(context.table, entry)
    this.context = context
    this.number = number
    this.view = view
    this.entry = entry
    this.rows = entry.rows
    this.columns = new SegmentColumns(stored, keyName)
    const boundsOf = entryBounds(entry, stored)
    this.candidate = {
      source: number,
      rows: entry.rows,
      bounds: (column) => this.columns.bounds(column, entry.rows, boundsOf),
      content: Effect.suspend(() => this.rowGroups())
    }
  }

  mayHold(key: Uint8Array): boolean {
    const { entry } = this
    return entry.firstPosition <= this.context.position && compareBytes(key, entry.firstKey) >= 0 &&
      compareBytes(key, entry.lastKey) <= 0
  }

  newest(key: Uint8Array): Effect.Effect<number, QueryError> {
    return Effect.map(this.rowsOf(key), ({ end, first }) => first < end ? first : -1)
  }

  versions(key: Uint8Array): Effect.Effect<ReadonlyArray<number>, QueryError> {
    return Effect.map(this.rowsOf(key), ({ end, first }) => Array.from({ length: end - first }, (_, i) => first + i))
  }

  records(
    rows: ArrayLike<number>,
    columns: ReadonlyArray<Column>
  ): Effect.Effect<ReadonlyArray<RecordRows>, QueryError> {
    return Effect.map(
      this.pagesOf(rows),
      (pages) =>
        pages.map(({ block, end, first }) => {
          const { base, run, segment } = block
          // A page of which one row is wanted need not be kept for it.
          const wanted = end - first > 1
            ? block
            : new SegmentBlock(segment, this.columns, run, this.context.cost, rows[first] - base)
          return { first, end, load: wanted.loadRecords(columns) }
        })
    )
  }

  partsOf(rows: Int32Array): Effect.Effect<ReadonlyArray<Part>, QueryError> {
    return Effect.map(
      this.pagesOf(rows),
      (pages) =>
        pages.map(({ block, end, first }) =>
          this.foundPart(block, rows.subarray(first, end).map((row) => row - block.base))
        )
    )
  }

  private readonly opened = Effect.suspend(() => mvccReads(this.view.open))

  /** The rows of a key at or below the snapshot's position, which lie together, newest first. */
  private rowsOf(key: Uint8Array): Effect.Effect<RowRange, QueryError> {
    return Effect.flatMap(this.opened, (segment) => {
      this.context.cost.segments.add(this.number)
      return Effect.flatMap(segmentReads(findKey(segment, key)), (rows) => {
        if (rows === undefined) return Effect.succeed({ first: 0, end: 0 })
        this.context.cost.pages++
        const { position } = this.context
        return this.entry.lastPosition <= position ? Effect.succeed(rows) : rowsUpTo(segment, rows, position)
      })
    })
  }

  /** The row groups that may hold wanted rows, by the bounds in the footer and by indexes. */
  private readonly rowGroups = Effect.fnUntraced(
    function*(this: SegmentSource): Effect.fn.Return<ReadonlyArray<Candidate>, QueryError> {
      const { counts } = this.context.pruner
      const judge = this.context.pruner.judge(this.entry)
      const segment = yield* this.opened
      const { rowGroups } = segment.metadata
      const left = rowGroups.flatMap((_, number) => {
        const { bounds, rows } = this.rowGroup(segment, number, undefined)
        return judge === undefined || judge(bounds, rows) ? [number] : []
      })
      this.indexed ??= { pages: yield* this.askIndexes(segment, left, judge) }
      const { pages } = this.indexed
      const wanted = pages === undefined ? left : left.filter((number) => pages.has(number))
      counts.rowGroups += rowGroups.length
      counts.rowGroupsLeft += wanted.length
      return wanted.map((number) => this.rowGroup(segment, number, judge))
    }
  ).bind(this)

  private rowGroup(segment: Segment, rowGroup: number, judge: Judge | undefined): Candidate {
    const group = segment.metadata.rowGroups[rowGroup]
    return {
      source: this.number,
      rows: group.rows,
      bounds: (column) => this.columns.bounds(column, group.rows, (stored) => groupBounds(group, stored)),
      content: Effect.map(segmentReads(segment.index(rowGroup)), (index) => this.pages(segment, rowGroup, index, judge))
    }
  }

  /** The pages that indexes leave; `rowGroups` are those that bounds leave. */
  private readonly askIndexes = Effect.fnUntraced(
    function*(
      this: SegmentSource,
      segment: Segment,
      rowGroups: ReadonlyArray<number>,
      judge: Judge | undefined
    ): Effect.fn.Return<FoundPages | undefined, QueryError> {
      const { cost, indexes } = this.context
      if (indexes.wanted.length === 0 || rowGroups.length === 0) return undefined
      const { entry, useIndex } = this.view
      const groups = new Set(rowGroups)
      const left: PagesLeft = {
        hasRowGroup: (rowGroup) => groups.has(rowGroup),
        pages: yield* this.countPages(segment, rowGroups, judge)
      }
      const isStored = (column: Column) => {
        const nulls = entry.columns.find(({ columnId }) => columnId === column.id)?.nulls
        return this.columns.isStored(column, nulls ?? entry.rows)
      }
      return yield* findPages(indexes, { entry, useIndex, isStored, left }, (name) => cost.indexes.add(name))
    }
  ).bind(this)

  /** Pages that bounds leave of row groups: exactly where these are few, and their page indexes with them. */
  private readonly countPages = Effect.fnUntraced(
    function*(
      this: SegmentSource,
      segment: Segment,
      rowGroups: ReadonlyArray<number>,
      judge: Judge | undefined
    ): Effect.fn.Return<number, QueryError> {
      let pages = 0
      for (const rowGroup of rowGroups) {
        if (rowGroups.length > fewRowGroups) pages += Math.ceil(segment.metadata.rowGroups[rowGroup].rows / pageRows)
        else {
          const index = yield* segmentReads(segment.index(rowGroup))
          pages += countWanted(this.wantedByBounds(segment, rowGroup, index, judge))
        }
      }
      return pages
    }
  ).bind(this)

  /** The pages that may hold wanted rows, as parts. */
  private pages(
    segment: Segment,
    rowGroup: number,
    index: RowGroupIndex,
    judge: Judge | undefined
  ): ReadonlyArray<Candidate> {
    const isWanted = this.wantedByBounds(segment, rowGroup, index, judge)
    const found = this.indexed?.pages
    if (found !== undefined) {
      const byIndex = new Uint8Array(index.pageCount)
      for (const page of found.get(rowGroup) ?? []) byIndex[page] = isWanted[page]
      isWanted.set(byIndex)
    }
    const { counts } = this.context.pruner
    const left = countWanted(isWanted)
    counts.pages += index.pageCount
    counts.pagesLeft += left
    if (left === 0) counts.rowGroupsLeft--
    return joinPages(isWanted).flatMap(({ end, first }) =>
      cutRun({ rowGroup, index, first, end }, this.context.shape).map((run) => this.pageRun(segment, run))
    )
  }

  private pageRun(segment: Segment, run: PageRun): Candidate {
    const { breaks } = run.index
    const rows = breaks[run.end] - breaks[run.first]
    return {
      source: this.number,
      rows,
      bounds: (column) => this.columns.bounds(column, rows, (stored) => runBounds(run, stored)),
      content: this.scannedPart(segment, run, rows)
    }
  }

  /** A 1 for each page that may hold wanted rows by its bounds. */
  private wantedByBounds(
    segment: Segment,
    rowGroup: number,
    index: RowGroupIndex,
    judge: Judge | undefined
  ): Uint8Array {
    const isWanted = new Uint8Array(index.pageCount).fill(1)
    if (judge === undefined) return isWanted
    for (let page = 0; page < index.pageCount; page++) {
      const { bounds, rows } = this.pageRun(segment, { rowGroup, index, first: page, end: page + 1 })
      isWanted[page] = Number(judge(bounds, rows))
    }
    return isWanted
  }

  private scannedPart(segment: Segment, run: PageRun, rows: number): Part {
    const { context } = this
    return {
      rows,
      open: Effect.fnUntraced(function*(this: SegmentSource, columns: ReadonlyArray<Column>) {
        context.cost.segments.add(this.number)
        const block = new SegmentBlock(segment, this.columns, run, context.cost)
        yield* block.load(columns)
        const visible = yield* segmentVisibility(block, { ...context, marks: this.view.marks })
        return openPart(block, block.count, visible)
      }).bind(this)
    }
  }

  private foundPart(block: SegmentBlock, rows: Int32Array): Part {
    const { context } = this
    return {
      rows: rows.length,
      open: Effect.fnUntraced(function*(this: SegmentSource, columns: ReadonlyArray<Column>) {
        yield* block.load(columns)
        const keep = yield* keepLiving(block, { ...context, marks: this.view.marks })
        return openPart(block, rows.length, givenRows(rows, keep))
      }).bind(this)
    }
  }

  /** Splits ascending rows by the pages that they lie in. */
  private readonly pagesOf = Effect.fnUntraced(
    function*(this: SegmentSource, rows: ArrayLike<number>): Effect.fn.Return<ReadonlyArray<PageRows>, QueryError> {
      const segment = yield* this.opened
      const { cost } = this.context
      const { rowGroups } = segment.metadata
      const pages: Array<PageRows> = []
      let rowGroup = 0
      for (let first = 0; first < rows.length;) {
        while (rows[first] >= rowGroups[rowGroup].firstRow + rowGroups[rowGroup].rows) rowGroup++
        const index = yield* segmentReads(segment.index(rowGroup))
        const page = index.pageOf(rows[first] - rowGroups[rowGroup].firstRow)
        const block = new SegmentBlock(segment, this.columns, { rowGroup, index, first: page, end: page + 1 }, cost)
        let end = first + 1
        while (end < rows.length && rows[end] < block.base + block.count) end++
        pages.push({ first, end, block })
        first = end
      }
      return pages
    }
  )
}

const openPart = (block: SegmentBlock, rows: number, visible: Visible): OpenPart => ({
  block,
  from: 0,
  to: rows,
  visible,
  load: (columns) => block.load(columns),
  loadRecords: (columns) => block.loadRecords(columns)
})

/** Of a key's rows, newest first, those at or below a position. */
const rowsUpTo = Effect.fnUntraced(
  function*(segment: Segment, { end, first }: RowRange, position: number): Effect.fn.Return<RowRange, QueryError> {
    let low = first
    let high = end
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((yield* positionOf(segment, middle)) <= position) high = middle
      else low = middle + 1
    }
    return { first: low, end }
  }
)
