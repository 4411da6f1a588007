/**
 * CSV as RFC 4180 has it: fields in quotes may hold delimiters, line ends and doubled quotes. Parsed here, and not by
 * `effect/encoding/Csv`, because that ends at the first record that is malformed; this one goes on at the next line.
 */

/** A quoted field over this length, in characters, is taken for a quote that nothing closes, unless told otherwise. */
const recordLengthDefault = 1024 * 1024

const quote = "\""

/** Records that were parsed together. */
export interface CsvRecords {
  readonly cells: Array<ReadonlyArray<string>>
  /** The number of each record's first line, from 1. */
  readonly lines: Array<number>
  /** Each record as it was written. */
  readonly texts: Array<string>
  /** What is wrong with a record, by its index. */
  readonly problems: Map<number, string>
  /** Cells of two quotes with nothing between, by the record's index: an empty text, where an empty cell is nothing. */
  readonly emptyTexts: Map<number, ReadonlyArray<number>>
}

/** How a record with quotes ended: the offset behind it, or that it did not. */
type Ending = number | "open" | "malformed"

/** Parses blocks of whole lines, one after another. */
export class CsvParser {
  private readonly delimiter: string
  private readonly recordLengthMax: number
  /** A record whose quoted field goes on in the next block. */
  private rest = ""
  private restLine = 0

  constructor(delimiter: string, recordLengthMax = recordLengthDefault) {
    this.delimiter = delimiter
    this.recordLengthMax = recordLengthMax
  }

  /** Parses a block whose first line has the number `firstLine`. */
  add(text: string, firstLine: number): CsvRecords {
    const isContinued = this.rest !== ""
    const whole = isContinued ? `${this.rest}\n${text}` : text
    const line = isContinued ? this.restLine : firstLine
    this.rest = ""
    return this.parse(whole, line, false)
  }

  /** Parses what no further block will complete. */
  finish(): CsvRecords {
    const { rest } = this
    this.rest = ""
    return this.parse(rest, this.restLine, true)
  }

  private parse(text: string, firstLine: number, isLast: boolean): CsvRecords {
    const records: CsvRecords = { cells: [], lines: [], texts: [], problems: new Map(), emptyTexts: new Map() }
    let line = firstLine
    for (let start = 0; start < text.length;) {
      const found = text.indexOf("\n", start)
      const lineEnd = found === -1 ? text.length : found
      const bare = text.charCodeAt(lineEnd - 1) === 13 ? lineEnd - 1 : lineEnd
      const content = text.slice(start, Math.max(bare, start))
      if (content === "") {
        start = lineEnd + 1
        line++
        continue
      }
      if (!content.includes(quote)) {
        records.cells.push(content.split(this.delimiter))
        records.lines.push(line++)
        records.texts.push(content)
        start = lineEnd + 1
        continue
      }
      const cells: Array<string> = []
      const emptyTexts: Array<number> = []
      const ending = this.parseQuoted(text, start, cells, emptyTexts)
      if (ending === "open" && !isLast && text.length - start <= this.recordLengthMax) {
        this.rest = text.slice(start)
        this.restLine = line
        break
      }
      if (typeof ending === "number") {
        const written = text.slice(start, ending)
        if (emptyTexts.length > 0) records.emptyTexts.set(records.cells.length, emptyTexts)
        records.cells.push(cells)
        records.lines.push(line)
        records.texts.push(written.replace(/\r$/, ""))
        line += countLineFeeds(written) + 1
        start = ending + 1
        continue
      }
      records.problems.set(
        records.cells.length,
        ending === "open"
          ? "a quote that is never closed"
          : "a quote in the middle of a field; put the whole field in quotes and double those within"
      )
      records.cells.push([])
      records.lines.push(line++)
      records.texts.push(content)
      start = lineEnd + 1
    }
    return records
  }

  /** Parses a record with quotes; fills `cells`. The offset is that of the line feed that ends it, or the text's end. */
  private parseQuoted(text: string, start: number, cells: Array<string>, emptyTexts: Array<number>): Ending {
    const { delimiter } = this
    for (let at = start;;) {
      if (text[at] === quote) {
        let value = ""
        for (let from = at + 1;;) {
          const end = text.indexOf(quote, from)
          if (end === -1) return "open"
          value += text.slice(from, end)
          at = end + 1
          if (text[at] !== quote) break
          value += quote
          from = at + 1
        }
        if (value === "") emptyTexts.push(cells.length)
        cells.push(value)
        if (text[at] === "\r" && (at + 1 === text.length || text[at + 1] === "\n")) at++
        if (at === text.length || text[at] === "\n") return at
        if (text[at] !== delimiter) return "malformed"
        at++
        continue
      }
      let end = at
      while (end < text.length && text[end] !== delimiter && text[end] !== "\n" && text[end] !== quote) end++
      if (text[end] === quote) return "malformed"
      const isLast = end === text.length || text[end] === "\n"
      cells.push(text.slice(at, isLast && text[end - 1] === "\r" ? end - 1 : end))
      if (isLast) return end
      at = end + 1
    }
  }
}

const countLineFeeds = (text: string): number => {
  let count = 0
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++
  return count
}
