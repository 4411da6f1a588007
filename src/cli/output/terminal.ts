/** What standard output leads to. */

/** A terminal, or something that only takes bytes. */
export interface Terminal {
  /** Columns that a line may take; `undefined` where nobody looks. */
  readonly width: number | undefined
  readonly colors: boolean
}

const colorsOf = (stream: NodeJS.WriteStream): boolean => {
  const { NO_COLOR: never, FORCE_COLOR: always } = process.env
  if (never !== undefined && never !== "") return false
  return (always !== undefined && always !== "0") || (stream.isTTY && stream.hasColors())
}

/** The terminal behind a stream of this process. */
export const terminalOf = (stream: NodeJS.WriteStream): Terminal => ({
  width: stream.isTTY ? stream.columns : undefined,
  colors: colorsOf(stream)
})

const paint = (code: number) => (text: string, terminal: Terminal): string =>
  terminal.colors ? `\u001b[${code}m${text}\u001b[0m` : text

/** Names of columns. */
export const bold = paint(1)

/** What is less important. */
export const dim = paint(2)

/** Errors. */
export const red = paint(31)
