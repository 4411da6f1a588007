/**
 * Parses the infix language of filters:
 *
 *     delay > 30 and (origin = 'SFO' or dest in ('LAX', 'JFK')) and not cancelled
 *
 * `not` binds tighter than `and`, `and` tighter than `or`. A column alone means that it is true.
 */
import { type Filter, filterComparisonsMax, filterDepthMax, type Literal, type Operator } from "../filter.ts"
import { ExpressionError, type Token, tokenize } from "./tokenize.ts"

/** A filter, or what is wrong with its text: `message` names the column of the text and what was expected. */
export type ParsedExpression =
  | { readonly filter: Filter; readonly problem?: undefined }
  | { readonly problem: { readonly column: number; readonly message: string } }

/** Words that name no column unless they are quoted. */
export const keywords: ReadonlySet<string> = new Set([
  "and",
  "or",
  "not",
  "in",
  "is",
  "null",
  "true",
  "false",
  "contains",
  "starts",
  "starts_with",
  "with",
  "like"
])

const signs: ReadonlyMap<string, Operator> = new Map([
  ["=", "eq"],
  ["==", "eq"],
  ["!=", "ne"],
  ["<>", "ne"],
  [">", "gt"],
  [">=", "gte"],
  ["<", "lt"],
  ["<=", "lte"]
])

/** Parses a filter's text. */
export const parseExpression = (text: string): ParsedExpression => {
  try {
    return { filter: new Parser(tokenize(text)).parse() }
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return { problem: { column: error.column, message: error.message } }
  }
}

class Parser {
  private readonly tokens: ReadonlyArray<Token>
  private next = 0
  private depth = 0
  private comparisons = 0

  constructor(tokens: ReadonlyArray<Token>) {
    this.tokens = tokens
  }

  parse(): Filter {
    const filter = this.or()
    if (this.peek().kind !== "end") throw this.unexpected("and, or, or the end")
    return filter
  }

  private or(): Filter {
    const first = this.and()
    if (!this.isWord("or")) return first
    const filters = [first]
    while (this.takeWord("or")) filters.push(this.and())
    return { kind: "or", filters }
  }

  private and(): Filter {
    const first = this.not()
    if (!this.isWord("and")) return first
    const filters = [first]
    while (this.takeWord("and")) filters.push(this.not())
    return { kind: "and", filters }
  }

  private not(): Filter {
    const start = this.peek()
    if (++this.depth > filterDepthMax) {
      throw new ExpressionError(start.at, `nested deeper than ${filterDepthMax} levels`)
    }
    const filter: Filter = this.takeWord("not") ? { kind: "not", filter: this.not() } : this.primary()
    this.depth--
    return filter
  }

  private primary(): Filter {
    if (this.takeSign("(")) {
      const filter = this.or()
      this.expectSign(")", "and, or, or )")
      return filter
    }
    if (this.takeWord("true")) return { kind: "and", filters: [] }
    if (this.takeWord("false")) return { kind: "or", filters: [] }
    return this.comparison()
  }

  private comparison(): Filter {
    const token = this.peek()
    if (++this.comparisons > filterComparisonsMax) {
      throw new ExpressionError(token.at, `more than ${filterComparisonsMax} comparisons`)
    }
    if (token.kind !== "name" && (token.kind !== "word" || keywords.has(token.text.toLowerCase()))) {
      const hint = token.kind === "string" || token.kind === "number" ? "; the column stands on the left" : ""
      throw this.unexpected("a column, not or (", hint)
    }
    this.next++
    const column = token.text
    const operator = this.peek()
    const simple = operator.kind === "sign" ? signs.get(operator.text) : undefined
    if (simple !== undefined) {
      this.next++
      return { kind: "comparison", column, operator: simple, values: [this.literal()] }
    }
    if (this.takeWord("is")) {
      const negated = this.takeWord("not")
      if (!this.takeWord("null")) throw this.unexpected(negated ? "null" : "null or not null")
      const isNull: Filter = { kind: "comparison", column, operator: "is_null", values: [] }
      return negated ? { kind: "not", filter: isNull } : isNull
    }
    if (this.isWord("like")) {
      throw new ExpressionError(operator.at, "like is not known; write contains 'text' or starts with 'text'")
    }
    const negated = this.takeWord("not")
    if (this.takeWord("in")) return this.list(column, negated ? "not_in" : "in")
    const matching = this.matching()
    if (matching !== undefined) {
      const match: Filter = { kind: "comparison", column, operator: matching, values: [this.text()] }
      return negated ? { kind: "not", filter: match } : match
    }
    if (negated) throw this.unexpected("in, contains or starts with")
    if (this.endsComparison()) return { kind: "comparison", column, operator: "eq", values: [true] }
    throw this.unexpected("=, !=, <, <=, >, >=, in, is, contains or starts with")
  }

  private matching(): "contains" | "starts_with" | undefined {
    if (this.takeWord("contains")) return "contains"
    if (this.takeWord("starts_with")) return "starts_with"
    if (!this.takeWord("starts")) return undefined
    if (!this.takeWord("with")) throw this.unexpected("with")
    return "starts_with"
  }

  /** Whether a column alone can end here. */
  private endsComparison(): boolean {
    const token = this.peek()
    return token.kind === "end" || (token.kind === "sign" && token.text === ")") || this.isWord("and") ||
      this.isWord("or")
  }

  private list(column: string, operator: "in" | "not_in"): Filter {
    this.expectSign("(", "( and a list")
    const values = [this.literal()]
    while (this.takeSign(",")) values.push(this.literal())
    this.expectSign(")", ", or )")
    return { kind: "comparison", column, operator, values }
  }

  private text(): string {
    const token = this.peek()
    if (token.kind !== "string") throw this.unexpected("a text in single quotes")
    this.next++
    return token.text
  }

  private literal(): Literal {
    const token = this.peek()
    if (token.kind === "number" || token.kind === "string") {
      this.next++
      return token.kind === "number" ? token.value : token.text
    }
    if (this.takeWord("true")) return true
    if (this.takeWord("false")) return false
    const hint = this.isWord("null")
      ? "; a comparison with null is never true, write is null"
      : token.kind === "name" || token.kind === "word"
      ? "; text stands in single quotes, and columns are compared with literals only"
      : ""
    throw this.unexpected("a number, a text in single quotes, true or false", hint)
  }

  private peek(): Token {
    return this.tokens[this.next]
  }

  private isWord(word: string): boolean {
    const token = this.peek()
    return token.kind === "word" && token.text.toLowerCase() === word
  }

  private takeWord(word: string): boolean {
    if (!this.isWord(word)) return false
    this.next++
    return true
  }

  private takeSign(sign: string): boolean {
    const token = this.peek()
    if (token.kind !== "sign" || token.text !== sign) return false
    this.next++
    return true
  }

  private expectSign(sign: string, expected: string): void {
    if (!this.takeSign(sign)) throw this.unexpected(expected)
  }

  private unexpected(expected: string, hint = ""): ExpressionError {
    const token = this.peek()
    const found = token.kind === "end" ? "the end" : token.kind === "string" ? `'${token.text}'` : token.text
    return new ExpressionError(token.at, `expected ${expected}, found ${found}${hint}`)
  }
}
