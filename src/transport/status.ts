/** The one table from kinds of failure to what each edge answers: gRPC status, HTTP status, exit code of the command. */
import { type Failure, failureOf, isRetryable, type Reason } from "../base/reason.ts"

/** What the edges answer for a kind of failure. */
export interface EdgeStatus {
  /** The gRPC status code. */
  readonly grpc: number
  /** The HTTP status. */
  readonly http: number
  /** The exit code of the `varve` command: 1 failed, 2 usage or configuration, 3 unavailable, 4 authentication. */
  readonly exit: number
}

/** Each kind of failure with what the edges answer. */
export const statuses: Readonly<Record<Failure, EdgeStatus>> = {
  INVALID_ARGUMENT: { grpc: 3, http: 400, exit: 1 },
  DEADLINE_EXCEEDED: { grpc: 4, http: 504, exit: 3 },
  NOT_FOUND: { grpc: 5, http: 404, exit: 1 },
  ALREADY_EXISTS: { grpc: 6, http: 409, exit: 1 },
  PERMISSION_DENIED: { grpc: 7, http: 403, exit: 4 },
  RESOURCE_EXHAUSTED: { grpc: 8, http: 429, exit: 1 },
  FAILED_PRECONDITION: { grpc: 9, http: 412, exit: 1 },
  ABORTED: { grpc: 10, http: 409, exit: 1 },
  OUT_OF_RANGE: { grpc: 11, http: 416, exit: 1 },
  UNIMPLEMENTED: { grpc: 12, http: 501, exit: 1 },
  INTERNAL: { grpc: 13, http: 500, exit: 1 },
  UNAVAILABLE: { grpc: 14, http: 503, exit: 3 },
  DATA_LOSS: { grpc: 15, http: 500, exit: 1 },
  UNAUTHENTICATED: { grpc: 16, http: 401, exit: 4 }
}

/** What every service's error says, whichever service it is of. */
export interface Refusal {
  readonly reason: Reason
  /** One sentence that names the field, the problem and the way out. */
  readonly message: string
  /** The field's path where one is to blame, else empty. */
  readonly field: string
}

/** What the edges answer for a reason. */
export const statusOf = (reason: Reason): EdgeStatus => statuses[failureOf(reason)]

const kindByCode = new Map(
  Object.entries(statuses).map(([failure, status]) => [status.grpc, failure as Failure] as const)
)

/** The kind of failure of a gRPC status code; `undefined` for OK, CANCELLED, UNKNOWN and what is no code. */
export const failureOfCode = (code: number): Failure | undefined => kindByCode.get(code)

const retryMillis: Readonly<Partial<Record<Reason, number>>> = {
  BACK_PRESSURE: 100,
  POSITION_NOT_REACHED: 100,
  MEMORY_LIMIT: 5000,
  STORAGE_FULL: 5000
}

/** How long to wait before the same request is sent again, in milliseconds; `undefined` where that is useless. */
export const retryDelayMillis = (reason: Reason): number | undefined =>
  isRetryable(reason) ? retryMillis[reason] ?? 1000 : undefined
