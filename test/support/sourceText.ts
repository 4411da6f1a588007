/**
 * Just enough reading of TypeScript for the repository's rules about itself: what a file imports, and its code without the comments,
 * strings and regular expressions in which a forbidden word means nothing.
 */

/** After one of these a slash begins a regular expression; after anything else it divides. */
const BEFORE_EXPRESSION = /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|yield|await|in|of|throw))\s*$/

const endOfQuoted = (text: string, from: number, quote: string): number => {
  let at = from + 1
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1
  return at + 1
}

const endOfRegularExpression = (text: string, from: number): number => {
  let inClass = false
  let at = from + 1
  for (; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at++
    else if (text[at] === "[") inClass = true
    else if (text[at] === "]") inClass = false
    else if (text[at] === "/" && !inClass) return at + 1
  }
  return at
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ")

/**
 * The code of a file, with every comment, string, template text and regular expression replaced by spaces: offsets and line numbers
 * stay as they were. Expressions inside of templates are code.
 */
export const maskText = (text: string): string => {
  let out = ""
  let at = 0
  /** One entry per open template expression: how many braces are open within it. */
  const templates: Array<number> = []
  const skipTo = (end: number): void => {
    out += blank(text.slice(at, end))
    at = end
  }
  const skipTemplateText = (from: number): void => {
    let end = from
    for (; end < text.length; end++) {
      if (text[end] === "\\") end++
      else if (text[end] === "`") return skipTo(end + 1)
      else if (text[end] === "$" && text[end + 1] === "{") {
        templates.push(0)
        return skipTo(end + 2)
      }
    }
    skipTo(end)
  }
  while (at < text.length) {
    const character = text[at]
    const two = text.slice(at, at + 2)
    if (two === "//") {
      const end = text.indexOf("\n", at)
      skipTo(end === -1 ? text.length : end)
    } else if (two === "/*") {
      const end = text.indexOf("*/", at + 2)
      skipTo(end === -1 ? text.length : end + 2)
    } else if (character === "\"" || character === "'") {
      skipTo(endOfQuoted(text, at, character))
    } else if (character === "`") {
      skipTemplateText(at + 1)
    } else if (character === "/" && BEFORE_EXPRESSION.test(out.slice(-40))) {
      skipTo(endOfRegularExpression(text, at))
    } else if (character === "}" && templates.at(-1) === 0) {
      templates.pop()
      skipTemplateText(at + 1)
    } else {
      const open = templates.length - 1
      if (open >= 0 && character === "{") templates[open]++
      if (open >= 0 && character === "}") templates[open]--
      out += character
      at++
    }
  }
  return out
}

const IMPORT = /\b(?:import|export)\b(?:[\s\w*{},$]*?\bfrom\b)?\s*\(?\s*"([^"]+)"/g
const RELATIVE = /"(\.{1,2}\/[^"\s]+\.(?:ts|mjs|js))"/g

/** One place where a file names a module. */
export interface ModuleReference {
  readonly specifier: string
  readonly line: number
}

const references = (text: string, pattern: RegExp): ReadonlyArray<ModuleReference> => {
  const code = maskText(text)
  return [...text.matchAll(pattern)]
    // What begins inside of a comment or a string is not code. A relative path is a string: its quote is masked, its context is not.
    .filter((match) => pattern === RELATIVE || code[match.index] === text[match.index])
    .map((match) => ({ specifier: match[1], line: text.slice(0, match.index).split("\n").length }))
}

/** The modules a file imports or re-exports, statically or by `import()`. */
export const importsOf = (text: string): ReadonlyArray<ModuleReference> => references(text, IMPORT)

/** Every relative path to a module that a file names: imports, and also the entry points of workers and reporters. */
export const relativePathsOf = (text: string): ReadonlyArray<ModuleReference> => references(text, RELATIVE)
