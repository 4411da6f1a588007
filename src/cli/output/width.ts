/** Texts by the columns that they take on a terminal. */
import stringWidth from "string-width"

const plain = /^[\u0020-\u007e]*$/
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const control = /[\u0000-\u001f\u007f-\u009f]/g
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** The text on one line, with nothing in it that a terminal would obey. */
export const printable = (text: string): string =>
  plain.test(text)
    ? text
    : text.replaceAll(
      control,
      (character) => escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
    )

/** Columns that a printable text takes. */
export const widthOf = (text: string): number => plain.test(text) ? text.length : stringWidth(text)

/** The text, or as much of it as fits, with an ellipsis. */
export const clip = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  let clipped = ""
  let taken = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = widthOf(segment)
    if (taken + next > width - 1) break
    clipped += segment
    taken += next
  }
  return `${clipped}…`
}

/** The text with spaces up to a width, behind it or before it. */
export const pad = (text: string, width: number, isRight: boolean): string => {
  const spaces = " ".repeat(Math.max(0, width - widthOf(text)))
  return isRight ? spaces + text : text + spaces
}
