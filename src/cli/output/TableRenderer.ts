/** Rows as a table for people, no wider than the terminal. */
import { type Cell, type OutputColumn, type Row, textOf } from "./cell.ts"
import { bold, dim, type Terminal } from "./terminal.ts"
import { clip, pad, printable, widthOf } from "./width.ts"

/** Rows that decide how wide columns are; those that come later are clipped or stand out. */
const sampleRows = 1000

/** Texts are not clipped to less than this. */
const textWidthMin = 8

const gap = "  "

const isNull = (cell: Cell): boolean => cell === null

/** A column as it is laid out. */
interface Layout {
  readonly column: OutputColumn
  readonly index: number
  readonly width: number
}

/** Widths that fit into `available` columns of the terminal, with as many of the table's columns as do. */
export const layOut = (
  columns: ReadonlyArray<OutputColumn>,
  widths: ReadonlyArray<number>,
  available: number | undefined
): ReadonlyArray<Layout> => {
  const all = columns.map((column, index): Layout => ({ column, index, width: widths[index] }))
  if (available === undefined) return all
  // Numbers are never clipped, since a part of one is another number.
  const leastOf = ({ column, width }: Layout) => column.isNumber ? width : Math.min(width, textWidthMin)
  const shown: Array<Layout> = []
  let least = 0
  for (const layout of all) {
    const next = least + (shown.length === 0 ? 0 : gap.length) + leastOf(layout)
    // The last column shown must leave room to say that there are more.
    if (shown.length > 0 && next > available - (layout.index < all.length - 1 ? gap.length + 1 : 0)) break
    shown.push(layout)
    least = next
  }
  const marks = shown.length < all.length ? gap.length + 1 : 0
  const room = available - marks - gap.length * (shown.length - 1)
  let cap = Math.max(...shown.map(({ width }) => width))
  const widthsAt = (most: number) =>
    shown.map((layout) =>
      layout.column.isNumber ? layout.width : Math.max(leastOf(layout), Math.min(layout.width, most))
    )
  while (cap > textWidthMin && widthsAt(cap).reduce((sum, width) => sum + width, 0) > room) cap--
  const fitted = widthsAt(cap)
  // A text that stands alone is clipped to whatever there is.
  if (shown.length === 1 && !shown[0].column.isNumber) fitted[0] = Math.max(1, Math.min(fitted[0], room))
  return shown.map((layout, i) => ({ ...layout, width: fitted[i] }))
}

export class TableRenderer {
  private readonly columns: ReadonlyArray<OutputColumn>
  private readonly terminal: Terminal
  private sample: Array<Row> | undefined = []
  private layouts: ReadonlyArray<Layout> = []

  constructor(columns: ReadonlyArray<OutputColumn>, terminal: Terminal) {
    this.columns = columns
    this.terminal = terminal
  }

  add(rows: ReadonlyArray<Row>): string {
    if (this.sample === undefined) return this.render(rows)
    for (const row of rows) this.sample.push(row)
    return this.sample.length < sampleRows ? "" : this.begin()
  }

  end(): string {
    return this.sample === undefined ? "" : this.begin()
  }

  /** Lays the columns out, and renders the header and the rows that were held back. */
  private begin(): string {
    const rows = this.sample ?? []
    this.sample = undefined
    const widths = this.columns.map(({ name }, i) =>
      rows.reduce((width, row) => Math.max(width, widthOf(cellText(row[i]))), widthOf(printable(name)))
    )
    this.layouts = layOut(this.columns, widths, this.terminal.width)
    const header = this.layouts.map(({ column, width }) =>
      bold(pad(clip(printable(column.name), width), width, column.isNumber), this.terminal)
    )
    const hidden = this.columns.length - this.layouts.length
    const notice = hidden === 0 ? "" : `${
      dim(
        `… ${hidden} more ${hidden === 1 ? "column" : "columns"}: --select some, or --format json for all`,
        this.terminal
      )
    }\n`
    return notice + this.line(header, hidden > 0) + this.render(rows)
  }

  private render(rows: ReadonlyArray<Row>): string {
    const hasMore = this.layouts.length < this.columns.length
    return rows.map((row) =>
      this.line(
        this.layouts.map(({ column, index, width }) => {
          const whole = cellText(row[index])
          const text = this.terminal.width === undefined || column.isNumber ? whole : clip(whole, width)
          const padded = pad(text, width, column.isNumber)
          return isNull(row[index]) ? dim(padded, this.terminal) : padded
        }),
        hasMore
      )
    ).join("")
  }

  private line(cells: ReadonlyArray<string>, hasMore: boolean): string {
    return `${[...cells, ...(hasMore ? [dim("…", this.terminal)] : [])].join(gap).trimEnd()}\n`
  }
}

const cellText = (cell: Cell): string => isNull(cell) ? "null" : printable(textOf(cell))
