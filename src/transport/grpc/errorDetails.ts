/**
 * What a gRPC error says beside its code and message, in the form that clients of every language know: the trailer
 * `grpc-status-details-bin`, a `google.rpc.Status` with
 *
 * - `ErrorInfo`, always: the reason, the domain `varve`, and the field's path where one is to blame;
 * - `BadRequest`, where the request's field is to blame;
 * - `RetryInfo`, where the same request may succeed later.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { type Any, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt"
import { type Refusal, retryDelayMillis, statusOf } from "../status.ts"
import { durationOf } from "./convert.ts"
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./generated/google/rpc/error_details_pb.ts"
import { StatusSchema } from "./generated/google/rpc/status_pb.ts"

/** The trailer's name. */
export const trailer = "grpc-status-details-bin"

/** The domain of every reason in `src/base/reason.ts`. */
export const domain = "varve"

/** The `google.rpc.Status` of a refusal. */
export const encodeErrorDetails = ({ field, message, reason }: Refusal): Uint8Array => {
  const code = statusOf(reason).grpc
  const metadata: Record<string, string> = field === "" ? {} : { field }
  const details: Array<Any> = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain, metadata }))]
  if (field !== "" && code === statusOf("INVALID_VALUE").grpc) {
    const fieldViolations = [{ field, description: message }]
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })))
  }
  const delay = retryDelayMillis(reason)
  if (delay !== undefined) {
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationOf(delay) })))
  }
  return toBinary(StatusSchema, create(StatusSchema, { code, message, details }))
}

/** What a client learns from the trailer. */
export interface ErrorDetails {
  /** Empty where the error does not come from Varve. */
  readonly reason: string
  readonly field: string
  readonly retryDelayMillis: number | undefined
}

/** Reads the trailer. Throws on bytes that are no `google.rpc.Status`. */
export const decodeErrorDetails = (bytes: Uint8Array): ErrorDetails => {
  let found: ErrorDetails = { reason: "", field: "", retryDelayMillis: undefined }
  for (const detail of fromBinary(StatusSchema, bytes).details) {
    const info = anyUnpack(detail, ErrorInfoSchema)
    if (info?.domain === domain) found = { ...found, reason: info.reason, field: info.metadata.field ?? "" }
    const delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay
    if (delay !== undefined) {
      found = { ...found, retryDelayMillis: Number(delay.seconds) * 1000 + delay.nanos / 1e6 }
    }
  }
  return found
}
