/** What is wrong with a value or a schema: plain data, returned and not thrown, since checking a row must be cheap. */
import type { Reason } from "../base/reason.ts"

export interface Problem {
  readonly reason: Reason
  /** The path to what is to blame, as in `columns[3].type` or `address.lat`. */
  readonly field: string
  /** Names the value's problem and the way out; the field's name stands before it. */
  readonly message: string
}
