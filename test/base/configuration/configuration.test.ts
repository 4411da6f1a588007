import * as Effect from "effect/Effect"
import * as Yaml from "effect/encoding/Yaml"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { make } from "../../../src/base/configuration/Configuration.ts"
import { isLoopback, refuseExposure } from "../../../src/base/configuration/exposure.ts"
import { keyPaths, keys, variableOf } from "../../../src/base/configuration/keys.ts"
import { showDuration, showSize } from "../../../src/base/configuration/kinds.ts"
import { load } from "../../../src/base/configuration/load.ts"
import { merge, type Sources } from "../../../src/base/configuration/merge.ts"
import { editDistance, nearest } from "../../../src/base/configuration/nearest.ts"

const annotated = path.join(import.meta.dirname, "../../../config/varve.yaml")

const sources = (over: Partial<Sources> = {}): Sources => ({ file: undefined, environment: {}, flags: [], ...over })

const fromYaml = (yaml: string, over: Partial<Sources> = {}) =>
  merge(sources({ file: { name: "varve.yaml", content: Yaml.parse(yaml) }, ...over }))

const valuesOf = (result: ReturnType<typeof merge>) => Result.getOrThrow(result).values

const messagesOf = (result: ReturnType<typeof merge>): ReadonlyArray<string> =>
  Result.isFailure(result) ? result.failure.problems.map((problem) => problem.message) : []

describe("defaults", () => {
  it("are what the annotated file says, key by key, and it describes every key", () => {
    const text = fs.readFileSync(annotated, "utf8")
    const merged = Result.getOrThrow(merge(sources({ file: { name: "varve.yaml", content: Yaml.parse(text) } })))
    expect(merged.values).toEqual(make())
    expect(merged.settings.filter((setting) => setting.source !== "varve.yaml")).toEqual([])
  })

  it("are values that their own keys accept", () => {
    for (const keyPath of keyPaths) {
      const key = keys[keyPath]
      const shown = (key.kind.show as (value: unknown) => string)(key.default)
      expect([keyPath, key.kind.parse(shown)]).toEqual([keyPath, { value: key.default }])
      expect(key.description).toMatch(/^[A-Z].*\.$/)
    }
  })
})

describe("precedence", () => {
  it("flags win over the environment, it over the file, and that over the defaults; each value names its source", () => {
    const merged = Result.getOrThrow(
      fromYaml("server:\n  host: 127.0.0.2\n  max_connections: 5\n  ingestion: {port: 1}\n", {
        environment: { VARVE_SERVER_HOST: "127.0.0.3", VARVE_SERVER_INGESTION_PORT: "2", PATH: "x" },
        flags: [{ path: "server.host", value: "127.0.0.4", flag: "--host" }]
      })
    )
    const shown = new Map(merged.settings.map((setting) => [setting.path, `${setting.value} ${setting.source}`]))
    expect(shown.get("server.host")).toBe("127.0.0.4 --host")
    expect(shown.get("server.ingestion.port")).toBe("2 VARVE_SERVER_INGESTION_PORT")
    expect(shown.get("server.max_connections")).toBe("5 varve.yaml")
    expect(shown.get("server.query.port")).toBe("8081 default")
    expect(merged.values["server.ingestion.port"]).toBe(2)
  })

  it("every key can be set by its variable", () => {
    for (const keyPath of keyPaths) {
      const shown = (keys[keyPath].kind.show as (value: unknown) => string)(keys[keyPath].default)
      const merged = Result.getOrThrow(merge(sources({ environment: { [variableOf(keyPath)]: shown } })))
      expect(merged.settings.find((setting) => setting.path === keyPath)!.source).toBe(variableOf(keyPath))
    }
  })
})

describe("values", () => {
  it("takes sizes and durations with units", () => {
    const values = valuesOf(
      fromYaml("memtable: {size: 1.5MB, limit: 2GiB}\nwal: {segment_size: 8 MiB, sync_interval: 1s}\n")
    )
    expect(values["memtable.size"]).toBe(1_500_000)
    expect(values["memtable.limit"]).toBe(2 * 1024 ** 3)
    expect(values["wal.segment_size"]).toBe(8 * 1024 ** 2)
    expect(values["wal.sync_interval"]).toBe(1000)
  })

  it("takes yes and no as true and false, in YAML and in the environment", () => {
    expect(valuesOf(fromYaml("wal: {archive: true, retention: 0s}"))["wal.archive"]).toBe(true)
    const environment = { VARVE_WAL_ARCHIVE: "true" }
    expect(valuesOf(merge(sources({ environment })))["wal.archive"]).toBe(true)
  })

  it.each([
    [0, "0B"],
    [64e6, "64MB"],
    [1024, "1KiB"],
    [2 * 1024 ** 3, "2GiB"],
    [1_048_577, "1048577B"]
  ])("shows %i bytes as %s", (bytes, shown) => expect(showSize(bytes)).toBe(shown))

  it.each([[0, "0ms"], [5000, "5s"], [90_000, "90s"], [120_000, "2m"], [1, "1ms"]])(
    "shows %i ms as %s",
    (millis, shown) => expect(showDuration(millis)).toBe(shown)
  )

  it.each([
    ["server: {ingestion: {port: 65536}}", "varve.yaml: server.ingestion.port takes a port from 0 to 65535, not 65536"],
    ["server: {ingestion: {port: -1}}", "varve.yaml: server.ingestion.port takes a port from 0 to 65535, not -1"],
    ["server: {ingestion: {port: 80.5}}", "varve.yaml: server.ingestion.port takes a port from 0 to 65535, not 80.5"],
    [
      "server: {ingestion: {port: http}}",
      "varve.yaml: server.ingestion.port takes a port from 0 to 65535, not \"http\""
    ],
    ["server: {host: ''}", "varve.yaml: server.host takes a host name or address, not \"\""],
    ["server: {host: ~}", "varve.yaml: server.host takes a host name or address, not null"],
    ["wal: {sync: always}", "varve.yaml: wal.sync takes one of commit, interval, none, not \"always\""],
    [
      "memtable: {size: 64}",
      "varve.yaml: memtable.size takes a size like 64MB or 512MiB, from 1MB to 4GB, not 64"
    ],
    [
      "memtable: {size: 64 lightyears}",
      "varve.yaml: memtable.size takes a size like 64MB or 512MiB, from 1MB to 4GB, not \"64 lightyears\""
    ],
    [
      "wal: {sync_interval: 100}",
      "varve.yaml: wal.sync_interval takes a duration like 5s or 200ms, from 1ms to 1m, not 100"
    ],
    ["wal: {archive: yes}", "varve.yaml: wal.archive takes true or false, not \"yes\""],
    [
      "mvcc: {history: forever}",
      "varve.yaml: mvcc.history takes all, latest or a duration like 5s or 200ms, from 1ms to 36500d, not \"forever\""
    ],
    ["segment: {workers: 0}", "varve.yaml: segment.workers takes a whole number from 1 to 64, not 0"],
    ["compaction: {level0_files: 1}", "varve.yaml: compaction.level0_files takes a whole number from 2 to 1000, not 1"],
    ["server: 8080", "varve.yaml: server must hold keys with values, as in `server: {host: ...}`"],
    ["[1, 2]", "varve.yaml: varve.yaml must hold keys with values, as in `server: {host: ...}`"]
  ])("refuses %s", (yaml, message) => expect(messagesOf(fromYaml(yaml))).toEqual([message]))

  it("names everything that is wrong, not only the first", () => {
    expect(messagesOf(fromYaml("wal: {sync: x}\nlog: {level: y}\nsrever: 1\n"))).toHaveLength(3)
  })

  it("an empty file, and sections with everything commented out, are defaults", () => {
    expect(valuesOf(fromYaml(""))).toEqual(make())
    expect(valuesOf(fromYaml("server:\n  # host: x\nwal:\n"))).toEqual(make())
  })
})

describe("unknown keys", () => {
  it.each([
    ["server: {hots: x}", "varve.yaml: server.hots is not a configuration key; did you mean server.host?"],
    [
      "wal: {segmentsize: 8MB}",
      "varve.yaml: wal.segmentsize is not a configuration key; did you mean wal.segment_size?"
    ],
    ["bananas: 3", "varve.yaml: bananas is not a configuration key"],
    ["auth: {enabled: true}", "varve.yaml: auth is not available in this version; remove it"],
    ["server: {tls: {cert: x}}", "varve.yaml: server.tls is not available in this version; remove it"],
    [
      "compaction: {level_sise: 1GB}",
      "varve.yaml: compaction.level_sise is not a configuration key; did you mean compaction.level_size?"
    ],
    ["quota: {rows: 3}", "varve.yaml: quota is not available in this version; remove it"],
    [
      "storage: {backend: s3}\nwal: {backend: s3}",
      "varve.yaml: storage.backend: s3 is not available in this version"
    ]
  ])("%s", (yaml, message) => expect(messagesOf(fromYaml(yaml))[0]).toBe(message))

  it.each([
    ["VARVE_SERVER_HOTS", "VARVE_SERVER_HOTS sets no known key; did you mean VARVE_SERVER_HOST?"],
    ["VARVE_SRVER_HOST", "VARVE_SRVER_HOST sets no known key; did you mean VARVE_SERVER_HOST?"],
    ["VARVE_AUTH_ENABLED", "VARVE_AUTH_ENABLED is not available in this version; remove it"],
    ["VARVE_SERVER_TLS_CERT", "VARVE_SERVER_TLS_CERT is not available in this version; remove it"],
    ["VARVE_WAL_COMPRESSION_DICTIONARY", "VARVE_WAL_COMPRESSION_DICTIONARY sets no known key"]
  ])("the variable %s", (variable, message) => {
    expect(messagesOf(merge(sources({ environment: { [variable]: "x" } })))).toEqual([message])
  })

  it("leaves alone what other parts, Kubernetes and Docker put into the environment", () => {
    const environment = {
      VARVE_TOKEN: "x",
      VARVE_INGESTION_URL: "http://x",
      VARVE_CONFIG: "x",
      VARVE_SERVICE_HOST: "10.0.0.1",
      VARVE_SERVICE_PORT: "8080",
      VARVE_SERVICE_PORT_GRPC: "8080",
      VARVE_SERVER_PORT: "tcp://10.0.0.1:8080",
      VARVE_SERVER_PORT_8080_TCP_ADDR: "10.0.0.1",
      VARVE_SERVER_SERVICE_HOST: "10.0.0.1",
      VARVES: "x"
    }
    expect(valuesOf(merge(sources({ environment })))).toEqual(make())
  })

  it("names that objects inherit are no keys", () => {
    expect(messagesOf(fromYaml("constructor: 1\ntoString: 2"))).toHaveLength(2)
  })
})

describe("relations", () => {
  it.each([
    ["server: {ingestion: {port: 9}, query: {port: 9}}", /^server\.query\.port \(varve\.yaml\) is 9, which is/],
    ["storage: {backend: memory}", /^wal\.backend \(default\) is file while storage\.backend is memory/],
    ["memtable: {size: 1GB, limit: 100MB}", /^memtable\.size \(varve\.yaml\) is 1GB, more than memtable\.limit, 100MB/]
  ])("refuses %s", (yaml, message) => expect(messagesOf(fromYaml(yaml))[0]).toMatch(message))

  it("two services may both take any free port", () => {
    expect(messagesOf(fromYaml("server: {ingestion: {port: 0}, query: {port: 0}}"))).toEqual([])
  })
})

describe("exposure", () => {
  it.each(["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])(
    "%s is this machine",
    (host) => {
      expect(isLoopback(host)).toBe(true)
    }
  )
  it.each(["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io", "128.0.0.1", "::ffff:10.0.0.1"])(
    "%s is not",
    (host) => expect(isLoopback(host)).toBe(false)
  )
  it("is refused unless asked for", () => {
    const values = make({ "server.host": "0.0.0.0" })
    expect(refuseExposure(values, { source: "--host", insecure: false })?.message).toMatch(/--host.*--insecure/)
    expect(refuseExposure(values, { source: "--host", insecure: true })).toBeUndefined()
    expect(refuseExposure(make(), { source: "default", insecure: false })).toBeUndefined()
  })
})

describe("loading a file", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "varve-configuration-"))
  const write = (name: string, content: string): string => {
    fs.writeFileSync(path.join(folder, name), content)
    return path.join(folder, name)
  }
  const loading = (file: string) =>
    Effect.runPromiseExit(load({ file, environment: {}, flags: [] })).then((exit) =>
      Exit.isFailure(exit) ? String(exit.cause) : exit.value.values["server.host"]
    )

  it.each([
    ["good.yaml", "server:\n  host: ::1\n", /^::1$/],
    ["broken.yaml", "server:\n\thost: x\n", /broken\.yaml: not valid YAML: .* at line 2/],
    ["unclosed.yaml", "server: {host: x\n", /unclosed\.yaml: not valid YAML/]
  ])("%s", async (name, content, expected) => expect(await loading(write(name, content))).toMatch(expected))

  it("names a file that is missing, and one that is a directory", async () => {
    expect(await loading(path.join(folder, "none.yaml"))).toMatch(/none\.yaml: there is no such file/)
    expect(await loading(folder)).toMatch(/it is a directory/)
  })
})

describe("nearest", () => {
  it.each([
    ["a", "a", 0],
    ["ab", "ba", 1],
    ["host", "hots", 1],
    ["", "abc", 3],
    ["kitten", "sitting", 3]
  ])("%s to %s is %i", (left, right, distance) => expect(editDistance(left, right)).toBe(distance))
  it("finds nothing where nothing is near", () => expect(nearest("bananas", ["server.host"])).toBeUndefined())
})
