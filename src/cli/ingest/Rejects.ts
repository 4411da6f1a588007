/** Rows that were rejected: the first ones are shown, all are written to a file as newline-delimited JSON. */
import * as fs from "node:fs"

/** A row that was rejected. */
export interface RejectedRow {
  /** The number of its line, or of the row itself where the format has no lines. */
  readonly line: number
  readonly reason: string
  /** Empty where the row as a whole is meant. */
  readonly field: string
  readonly message: string
  /** The row as it was found. */
  readonly text: string
}

/** Rows that are shown. */
const shownMax = 10

/** Characters that are gathered before they are written. */
const gatheredLengthMax = 256 * 1024

/** Collects rejected rows. The file is made with the first one; one of an earlier run is removed. */
export class Rejects {
  readonly file: string
  count = 0
  /** Why the file could not be written. */
  problem: string | undefined
  readonly shown: Array<RejectedRow> = []
  private gathered: Array<string> = []
  private gatheredLength = 0

  constructor(file: string) {
    this.file = file
    this.attempt(() => fs.rmSync(file, { force: true }))
  }

  add(row: RejectedRow): void {
    this.count++
    if (this.shown.length < shownMax) this.shown.push(row)
    const line = `${JSON.stringify(row)}\n`
    this.gathered.push(line)
    this.gatheredLength += line.length
    if (this.gatheredLength > gatheredLengthMax) this.flush()
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.gathered.length === 0) return
    const text = this.gathered.join("")
    this.gathered = []
    this.gatheredLength = 0
    this.attempt(() => fs.appendFileSync(this.file, text))
  }

  /** Ingestion goes on where the file cannot be written, and says so at its end. */
  private attempt(write: () => void): void {
    try {
      write()
    } catch (error) {
      this.problem ??= (error as Error).message
    }
  }
}
