/** From the status of a call to what the user reads. */
import { status as codes, type StatusObject } from "@grpc/grpc-js"
import { decodeErrorDetails, trailer } from "../../transport/grpc/errorDetails.ts"
import { failureOfCode, statuses } from "../../transport/status.ts"
import { CommandFailure } from "../failure.ts"
import type { Connection } from "./Connection.ts"

/** What a failed call ends with. */
export type CallStatus = Pick<StatusObject, "code" | "details" | "metadata">

const otherPort = { ingestion: "--ingestion-url", query: "--query-url" } as const

/** What the server said beside code and message; no reason where it is no Varve server or none answered. */
const detailsOf = ({ metadata }: CallStatus) => {
  const value = metadata?.get(trailer)[0]
  try {
    return value instanceof Uint8Array ? decodeErrorDetails(value) : undefined
  } catch {
    return undefined
  }
}

/** Why nothing was heard, in few words. */
const causeOf = (details: string): string => {
  if (/Connection dropped|ECONNRESET|GOAWAY/.test(details)) return "the connection was lost"
  const known = /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)\b/.exec(details)
    ?.[1]
  switch (known) {
    case "ECONNREFUSED":
      return "nothing listens there"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host's name is not known"
    case undefined:
      return details
    default:
      return known
  }
}

/** The failure of a command whose call ended so. */
export const callFailure = (connection: Pick<Connection, "service" | "url">, status: CallStatus): CommandFailure => {
  const details = detailsOf(status)
  const kind = failureOfCode(status.code)
  const exitCode = (kind === undefined ? 1 : statuses[kind].exit) as 1 | 2 | 3 | 4
  if (details !== undefined && details.reason !== "") {
    return new CommandFailure({
      message: status.details,
      exitCode,
      reason: details.reason,
      ...(details.field === "" ? {} : { field: details.field })
    })
  }
  const { service, url } = connection
  if (status.code === codes.UNAVAILABLE) {
    return new CommandFailure({
      message: `cannot reach the ${service} service at ${url}: ${causeOf(status.details)}; ` +
        `start a server with \`npm start\` or \`varve serve\`, or say where it is with ${otherPort[service]}`,
      exitCode: 3,
      reason: "UNREACHABLE"
    })
  }
  if (status.code === codes.UNIMPLEMENTED) {
    return new CommandFailure({
      message: `${url} answers, but does not serve ${service}; say where it is with ${otherPort[service]}`,
      exitCode: 1,
      reason: "UNIMPLEMENTED"
    })
  }
  return new CommandFailure({
    message: `${url} answered ${codes[status.code] ?? status.code}: ${status.details}`,
    exitCode,
    reason: kind ?? "UNKNOWN"
  })
}
