/** Splits a filter's text into words, names, literals and signs, each with its column. */

/** A piece of an expression; `at` is its place in the text, from 0. */
export type Token =
  /** A bare word: a keyword or a column's name. */
  | { readonly kind: "word"; readonly text: string; readonly at: number }
  /** A name in double quotes. */
  | { readonly kind: "name"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly text: string; readonly value: number | bigint; readonly at: number }
  | { readonly kind: "sign"; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly text: ""; readonly at: number }

/** What is wrong with an expression, and where: columns count characters from 1. */
export class ExpressionError extends Error {
  readonly column: number
  constructor(at: number, message: string) {
    super(`column ${at + 1}: ${message}`)
    this.column = at + 1
  }
}

/** Bare names: letters, digits, `_` and dots, no digit first. Anything else is a column's name in double quotes only. */
export const bareName = /[\p{L}_][\p{L}\p{N}_.]*/uy

const number = /-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const sign = /<>|<=|>=|!=|==|[=<>(),]/y
const space = /\s+/y

/** What people coming from other languages write, and what it is here. */
const strangers: Readonly<Record<string, string>> = {
  "&": "write and",
  "|": "write or",
  "!": "write not",
  "`": "quote names with \"",
  "[": "write lists in parentheses"
}

/** Throws `ExpressionError`. The last token is the end. */
export const tokenize = (text: string): ReadonlyArray<Token> => {
  const tokens: Array<Token> = []
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  while (at < text.length) {
    const start = at
    const blank = take(space)
    if (blank !== undefined) {
      at += blank.length
      continue
    }
    const character = text[at]
    let found: string | undefined
    if (character === "'" || character === "\"") {
      const end = endOfQuoted(text, at)
      const content = text.slice(at + 1, end).replaceAll(character + character, character)
      tokens.push({ kind: character === "'" ? "string" : "name", text: content, at: start })
      at = end + 1
    } else if ((found = take(bareName)) !== undefined) {
      tokens.push({ kind: "word", text: found, at: start })
      at += found.length
    } else if ((found = take(number)) !== undefined) {
      tokens.push({ kind: "number", text: found, value: readNumber(found, start), at: start })
      at += found.length
    } else if ((found = take(sign)) !== undefined) {
      tokens.push({ kind: "sign", text: found, at: start })
      at += found.length
    } else {
      const shown = String.fromCodePoint(text.codePointAt(at)!)
      const hint = strangers[shown]
      throw new ExpressionError(at, `unexpected ${shown}${hint === undefined ? "" : `; ${hint}`}`)
    }
  }
  tokens.push({ kind: "end", text: "", at: text.length })
  return tokens
}

/** The place of the closing quote; a doubled quote stands for one and does not close. */
const endOfQuoted = (text: string, start: number): number => {
  const quote = text[start]
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== quote) continue
    if (text[at + 1] !== quote) return at
    at++
  }
  throw new ExpressionError(start, `this ${quote} is never closed`)
}

/** Whole numbers stay exact: a bigint where a number would not be. */
const readNumber = (text: string, at: number): number | bigint => {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new ExpressionError(at, `${text} is too large for a number`)
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value
}
