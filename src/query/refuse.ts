/** How plain functions of this folder refuse a request: they throw, and the service's edge makes it a typed failure. */
import type { Reason } from "../base/reason.ts"

/** Thrown within one synchronous step, caught by `refusals`. */
export class Refusal extends Error {
  readonly reason: Reason
  readonly field: string
  constructor(reason: Reason, field: string, message: string) {
    super(message)
    this.reason = reason
    this.field = field
  }
}

/** Refuses the request. The message names the problem and the way out; the field's path is put before it. */
export const refuse = (reason: Reason, field: string, message: string): never => {
  throw new Refusal(reason, field, field === "" ? message : `${field}: ${message}`)
}
