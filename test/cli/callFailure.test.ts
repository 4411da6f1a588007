/** What users read when a call fails, and the exit code that scripts read. */
import * as grpc from "@grpc/grpc-js"
import { describe, expect, it } from "vitest"
import { callFailure } from "../../src/cli/client/callFailure.ts"
import { statusFor } from "../../src/transport/grpc/answer.ts"
import { encodeErrorDetails, trailer } from "../../src/transport/grpc/errorDetails.ts"

const connection = { service: "query", url: "http://127.0.0.1:8081" } as const

const bare = (code: grpc.status, details: string) => ({ code, details, metadata: new grpc.Metadata() })

describe("callFailure", () => {
  it("tells what the server said", () => {
    const status = statusFor({ reason: "COLUMN_NOT_FOUND", message: "where: there is no column \"x\"", field: "where" })
    expect(callFailure(connection, status)).toMatchObject({
      message: "where: there is no column \"x\"",
      reason: "COLUMN_NOT_FOUND",
      field: "where",
      exitCode: 1
    })
  })

  it.each(
    [
      ["DRAINING", 3],
      ["TENANT_FORBIDDEN", 4],
      ["MEMORY_LIMIT", 1],
      ["DAMAGED", 1]
    ] as const
  )("%s exits with %i", (reason, exitCode) => {
    expect(callFailure(connection, statusFor({ reason, message: "m", field: "" }))).toMatchObject({ reason, exitCode })
  })

  it.each([
    [grpc.status.UNAUTHENTICATED, 4],
    [grpc.status.PERMISSION_DENIED, 4],
    [grpc.status.DEADLINE_EXCEEDED, 3],
    [grpc.status.INTERNAL, 1],
    [grpc.status.CANCELLED, 1]
  ])("status %i without a reason, as from a proxy, exits with %i", (code, exitCode) => {
    const failure = callFailure(connection, bare(code, "said so"))
    expect(failure.exitCode).toBe(exitCode)
    expect(failure.message).toBe(`http://127.0.0.1:8081 answered ${grpc.status[code]}: said so`)
  })

  it.each([
    ["No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:8081", "nothing listens there"],
    ["Name resolution failed: getaddrinfo ENOTFOUND nowhere", "the host's name is not known"],
    ["read ECONNRESET", "the connection was lost"],
    ["connect ETIMEDOUT 10.0.0.1:8081", "ETIMEDOUT"],
    ["something else", "something else"]
  ])("no answer: %s", (details, cause) => {
    const status = bare(grpc.status.UNAVAILABLE, details)
    expect(callFailure(connection, status)).toMatchObject({
      exitCode: 3,
      reason: "UNREACHABLE",
      message: `cannot reach the query service at http://127.0.0.1:8081: ${cause}; ` +
        "start a server with `npm start` or `varve serve`, or say where it is with --query-url"
    })
  })

  it("does not stumble over details that are none", () => {
    const status = bare(grpc.status.INTERNAL, "odd")
    status.metadata.set(trailer, Buffer.from([0xff, 0xff, 0xff]))
    expect(callFailure(connection, status).message).toContain("INTERNAL: odd")
    status.metadata.set(trailer, Buffer.from(encodeErrorDetails({ reason: "UNEXPECTED", message: "m", field: "" })))
    expect(callFailure(connection, status)).toMatchObject({ message: "odd", reason: "UNEXPECTED" })
  })
})
