/**
 * Every reason for which the engine refuses or fails a request: a stable upper-case word that clients may switch on.
 *
 * This table is the only place that says which kind of failure a reason is and whether the same request may succeed
 * when it is sent again. The edges turn the kind into a gRPC status, an HTTP status and an exit code.
 */

/** The kinds of failure, by the names that gRPC gives them. */
export type Failure =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "RESOURCE_EXHAUSTED"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNIMPLEMENTED"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "DEADLINE_EXCEEDED"
  | "INTERNAL"

const invalid = { failure: "INVALID_ARGUMENT", retryable: false } as const
const missing = { failure: "NOT_FOUND", retryable: false } as const
const exists = { failure: "ALREADY_EXISTS", retryable: false } as const
const precondition = { failure: "FAILED_PRECONDITION", retryable: false } as const
const exhausted = { failure: "RESOURCE_EXHAUSTED", retryable: true } as const
const unavailable = { failure: "UNAVAILABLE", retryable: true } as const

/** Each reason with its kind of failure. */
export const reasons = {
  MALFORMED_MESSAGE: invalid,
  MISSING_ARGUMENT: invalid,
  INVALID_NAME: invalid,
  INVALID_VALUE: invalid,
  INVALID_KEY: invalid,
  INVALID_SCHEMA: invalid,
  INVALID_FILTER: invalid,
  INVALID_CURSOR: invalid,
  INVALID_METADATA: invalid,
  INVALID_UTF8: invalid,
  MISSING_FIELD: invalid,
  UNKNOWN_FIELD: invalid,
  WRONG_TYPE: invalid,
  VALUE_OUT_OF_RANGE: invalid,
  VALUE_TOO_LONG: invalid,
  NOT_FINITE: invalid,
  TOO_MANY_RECORDS: invalid,
  TENANT_NOT_FOUND: missing,
  TABLE_NOT_FOUND: missing,
  SCHEMA_VERSION_NOT_FOUND: missing,
  COLUMN_NOT_FOUND: invalid,
  KEY_NOT_FOUND: missing,
  SERVICE_NOT_FOUND: missing,
  INDEX_NOT_FOUND: missing,
  TENANT_EXISTS: exists,
  INDEX_EXISTS: exists,
  IDEMPOTENCY_CONFLICT: exists,
  TENANT_FORBIDDEN: { failure: "PERMISSION_DENIED", retryable: false },
  VERSION_MISMATCH: precondition,
  SCHEMA_INCOMPATIBLE: precondition,
  DURABILITY_UNAVAILABLE: precondition,
  NOT_ALL_VALID: invalid,
  BELOW_HORIZON: { failure: "OUT_OF_RANGE", retryable: false },
  POSITION_NOT_REACHED: unavailable,
  MESSAGE_TOO_LARGE: { failure: "RESOURCE_EXHAUSTED", retryable: false },
  MEMORY_LIMIT: exhausted,
  STORAGE_FULL: exhausted,
  BACK_PRESSURE: exhausted,
  SEGMENTS_CHANGED: { failure: "ABORTED", retryable: true },
  STARTING: unavailable,
  DRAINING: unavailable,
  LOG_UNAVAILABLE: unavailable,
  SEGMENT_UNAVAILABLE: unavailable,
  DAMAGED: { failure: "DATA_LOSS", retryable: false },
  NOT_SUPPORTED: { failure: "UNIMPLEMENTED", retryable: false },
  UNEXPECTED: { failure: "INTERNAL", retryable: false }
} as const satisfies Record<string, { readonly failure: Failure; readonly retryable: boolean }>

/** A stable upper-case word that says why. */
export type Reason = keyof typeof reasons

/** The kind of failure of a reason. */
export const failureOf = (reason: Reason): Failure => reasons[reason].failure

/** Whether the same request may succeed when sent again unchanged. */
export const isRetryable = (reason: Reason): boolean => reasons[reason].retryable
