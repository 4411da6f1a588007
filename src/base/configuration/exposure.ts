/** Whether a server would be reachable from other machines. */
import { BlockList, isIP } from "node:net"
import { type ConfigurationError, refused, type Values } from "./Configuration.ts"

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addAddress("::1", "ipv6")
loopback.addSubnet("::ffff:127.0.0.0", 104, "ipv6")

/** Whether a host name or address can only be this machine. */
export const isLoopback = (host: string): boolean => {
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === "localhost"
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4")
}

/** The error for a server that others could reach without authentication; `undefined` where all is well. */
export const refuseExposure = (
  values: Values,
  options: { readonly source: string; readonly insecure: boolean }
): ConfigurationError | undefined => {
  const host = values["server.host"]
  if (options.insecure || isLoopback(host)) return undefined
  return refused([{
    path: "server.host",
    source: options.source,
    message:
      `server.host (${options.source}) is ${host}, where other machines can reach the server, and this version has no ` +
      "authentication: anybody could read and write every tenant's data. Listen on 127.0.0.1, or pass --insecure if the network is private"
  }])
}
