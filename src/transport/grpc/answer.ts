/** From how a handler ended to the status that the client sees. */
import * as grpc from "@grpc/grpc-js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Refusal, statusOf } from "../status.ts"
import { encodeErrorDetails, trailer } from "./errorDetails.ts"

/** A status as grpc-js takes it, for unary callbacks and streams alike. */
export interface Status extends Error {
  readonly code: number
  readonly details: string
  readonly metadata: grpc.Metadata
}

/** The longest message of a status. It travels percent-encoded in an HTTP/2 header, and clients accept 8 KiB of those. */
const messageLengthMax = 1024

/** grpc-js percent-encodes with `encodeURI`, which throws on half a surrogate pair. */
const clip = (text: string): string =>
  (text.length <= messageLengthMax ? text : `${text.slice(0, messageLengthMax - 1)}…`).toWellFormed()

/** The status of a refusal, with its reason, field and retry delay in the trailers. */
export const statusFor = (refusal: Refusal): Status => {
  const message = clip(refusal.message)
  const metadata = new grpc.Metadata()
  const details = encodeErrorDetails({ reason: refusal.reason, message, field: clip(refusal.field) })
  metadata.set(trailer, Buffer.from(details.buffer, details.byteOffset, details.length))
  return { name: refusal.reason, message, code: statusOf(refusal.reason).grpc, details: message, metadata }
}

/** Why a call is not taken while the program starts. */
export const starting: Refusal = {
  reason: "STARTING",
  message: "the server is starting: it is reading its log; send the request again in a moment",
  field: ""
}

/** Why a call is not taken, or not finished, while the program stops. */
export const draining: Refusal = {
  reason: "DRAINING",
  message: "the server is shutting down; send the request again, to another server or when this one is back",
  field: ""
}

/** Why a method has no answer. */
export const notSupported = (path: string): Refusal => ({
  reason: "NOT_SUPPORTED",
  message: `${path} is not available in this version`,
  field: ""
})

/** Why a request could not be read. */
export const malformed = (type: string, cause: unknown): Refusal => ({
  reason: "MALFORMED_MESSAGE",
  message: `the request is no ${type}: ${cause instanceof Error ? cause.message : String(cause)}`,
  field: ""
})

let incidents = 0

/**
 * The refusal that a cause of failure amounts to. A defect is a bug of ours: its cause goes to the log and the client
 * gets the number under which it is found there.
 */
export const refusalFor = (cause: Cause.Cause<Refusal>, path: string): Effect.Effect<Refusal> => {
  const failure = Cause.findError(cause)
  if (Result.isSuccess(failure)) return Effect.succeed(failure.success)
  if (Cause.hasInterruptsOnly(cause)) return Effect.succeed(draining)
  const incident = ++incidents
  return Effect.as(Effect.logError(`${path} failed unexpectedly`, cause).pipe(Effect.annotateLogs({ incident })), {
    reason: "UNEXPECTED",
    message: `unexpected failure, a bug in Varve; the server's log says more under incident=${incident}`,
    field: ""
  })
}
