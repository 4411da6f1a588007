/**
 * The engine's fixed limits. Every input has one; a request over it is refused with the limit's name and size.
 */
import { invariant } from "./invariant.ts"

/** Longest key of a record, in UTF-8 bytes. */
export const keyBytesMax = 1024

/** Longest tenant id and longest table or column name, in characters (all ASCII). */
export const nameLengthMax = 128

/** Most columns that a schema may have. */
export const columnsMax = 1024

/** Deepest nesting of a json, array, map or struct value. */
export const nestingDepthMax = 32

/** Most string pairs of a record's metadata. */
export const metadataEntriesMax = 64

/** Most bytes of a record's metadata, keys and values together. */
export const metadataBytesMax = 16 * 1024

/** Longest string, bytes or json value, in bytes. */
export const valueBytesMax = 8 * 1024 * 1024

/** Largest gRPC message, in bytes. */
export const messageBytesMax = 32 * 1024 * 1024

/** Most records of one batch. */
export const batchRecordsMax = 100_000

/** Longest idempotency key, in characters. */
export const idempotencyKeyLengthMax = 256

/** Most rows of a query's page; ask for the next page, or stream. */
export const queryLimitMax = 100_000

/** Rows of a query's page where the request names no limit. */
export const queryLimitDefault = 1000

/** Most values of an `in` list in a filter. */
export const filterValuesMax = 10_000

/** Largest payload of a log frame, in bytes. */
export const framePayloadBytesMax = 64 * 1024 * 1024

invariant(valueBytesMax < messageBytesMax, "one value fits in a message")
invariant(messageBytesMax < framePayloadBytesMax, "what came in one message fits in one frame, in columns")
