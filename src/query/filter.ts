/** Filters as trees: what text expressions are parsed into, what gRPC's filters become, and what plans are made from. */

/** What a column can be compared by. */
export type Operator =
  | "eq"
  | "ne"
  | "gt"
  | "gte"
  | "lt"
  | "lte"
  | "in"
  | "not_in"
  | "contains"
  | "starts_with"
  | "is_null"

/** Microseconds since 1970: a timestamp that was never text. */
export interface Instant {
  readonly micros: number | bigint
}

/** A value as a request has it, before the column's type is known. */
export type Literal = null | boolean | number | bigint | string | Uint8Array | Instant

/** A column against literals: one, any number for `in` and `not_in`, none for `is_null`. */
export interface Comparison {
  readonly kind: "comparison"
  readonly column: string
  readonly operator: Operator
  readonly values: ReadonlyArray<Literal>
}

/**
 * What a row must satisfy. A comparison with a null is neither true nor false, as in SQL. An empty `and` is true, an
 * empty `or` false.
 */
export type Filter =
  | Comparison
  | { readonly kind: "and"; readonly filters: ReadonlyArray<Filter> }
  | { readonly kind: "or"; readonly filters: ReadonlyArray<Filter> }
  | { readonly kind: "not"; readonly filter: Filter }

/** Deepest nesting of a filter. */
export const filterDepthMax = 64

/** Most comparisons in a filter. */
export const filterComparisonsMax = 1000
