/** Rows as text in one of the formats, piece by piece, so that any number of them can be printed. */
import type { Format } from "../settings.ts"
import { objectOf, type OutputColumn, type Row, textOf } from "./cell.ts"
import { TableRenderer } from "./TableRenderer.ts"
import type { Terminal } from "./terminal.ts"
import { toYaml } from "./yaml.ts"

/** Turns rows into text. */
export interface Renderer {
  /** The text of some more rows; may be held back until later. */
  readonly add: (rows: ReadonlyArray<Row>) => string
  /** What is left, and what comes last. */
  readonly end: () => string
}

const jsonRenderer = (columns: ReadonlyArray<OutputColumn>): Renderer => {
  let isFirst = true
  return {
    add: (rows) => {
      let text = ""
      for (const row of rows) {
        text += `${isFirst ? "[\n  " : ",\n  "}${JSON.stringify(objectOf(columns, row))}`
        isFirst = false
      }
      return text
    },
    end: () => isFirst ? "[]\n" : "\n]\n"
  }
}

const ndjsonRenderer = (columns: ReadonlyArray<OutputColumn>): Renderer => ({
  add: (rows) => rows.map((row) => `${JSON.stringify(objectOf(columns, row))}\n`).join(""),
  end: () => ""
})

const yamlRenderer = (columns: ReadonlyArray<OutputColumn>): Renderer => {
  let isEmpty = true
  return {
    add: (rows) => {
      isEmpty &&= rows.length === 0
      return rows.map((row) => toYaml([objectOf(columns, row)])).join("")
    },
    end: () => isEmpty ? "[]\n" : ""
  }
}

const csvField = (text: string): string => /[",\r\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text

const csvRenderer = (columns: ReadonlyArray<OutputColumn>): Renderer => {
  let header = `${columns.map(({ name }) => csvField(name)).join(",")}\n`
  const take = (): string => {
    const text = header
    header = ""
    return text
  }
  return {
    add: (rows) =>
      take() + rows.map((row) =>
        // An empty text is quoted, since an empty field is a null.
        `${row.map((cell) => cell === "" ? "\"\"" : csvField(textOf(cell))).join(",")}\n`
      ).join(""),
    end: take
  }
}

/** The renderer of a format. */
export const makeRenderer = (
  format: Format,
  columns: ReadonlyArray<OutputColumn>,
  terminal: Terminal
): Renderer => {
  switch (format) {
    case "table":
      return new TableRenderer(columns, terminal)
    case "json":
      return jsonRenderer(columns)
    case "ndjson":
      return ndjsonRenderer(columns)
    case "yaml":
      return yamlRenderer(columns)
    case "csv":
      return csvRenderer(columns)
  }
}
