/** The repository tests itself: each rule holds here, and each rule is shown to fail on a tree that breaks it. */
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { importsOf, maskText } from "./support/sourceText.ts"
import * as Tidy from "./support/tidy.ts"

const repository = Tidy.readFiles(path.join(import.meta.dirname, ".."))

const tree = (files: Record<string, string>): Tidy.Files => new Map(Object.entries(files))

describe("this repository", () => {
  it("imports point up the list of folders", () => expect(Tidy.importDirection(repository)).toEqual([]))
  it("has no dead file", () => expect(Tidy.deadFiles(repository)).toEqual([]))
  it("imports only what packages publish", () => expect(Tidy.packageImports(repository)).toEqual([]))
  it("pins exact versions and names no registry", () => expect(Tidy.exactVersions(repository)).toEqual([]))
  it("says why it has each dependency", () => expect(Tidy.documentedDependencies(repository)).toEqual([]))
  it("uses no banned word", () => expect(Tidy.bannedWords(repository)).toEqual([]))
  it("has no file longer than it may be", () => expect(Tidy.fileLength(repository)).toEqual([]))
  it("names an existing test for each invariant", () => expect(Tidy.enforcedInvariants(repository)).toEqual([]))
})

describe("the rules find", () => {
  const faultsOfImport = (file: string, specifier: string) =>
    Tidy.importDirection(tree({ [file]: `import type { A } from "${specifier}"\n` })).length

  it.each([
    ["src/base/a.ts", "../event/b.ts", 1],
    ["src/wal/a.ts", "../segment/b.ts", 1],
    ["src/query/deep/a.ts", "../../ingestion/b.ts", 1],
    ["src/cli/a.ts", "../../layers/index.ts", 1],
    ["src/cli/a.ts", "varve/layers", 1],
    ["src/mvcc/a.ts", "../../test/support/b.ts", 1],
    ["src/mvcc/a.ts", "../index.ts", 1],
    ["src/strange/a.ts", "../base/b.ts", 1],
    ["layers/a.ts", "../bench/b.ts", 1],
    ["src/wal/a.ts", "../storage/b.ts", 0],
    ["src/wal/a.ts", "./file/b.ts", 0],
    ["src/index.ts", "./mvcc/b.ts", 0],
    ["layers/a.ts", "../src/wal/b.ts", 0],
    ["src/wal/a.ts", "node:fs", 0]
  ])("direction: %s importing %s has %i faults", (file, specifier, faults) => {
    expect(faultsOfImport(file, specifier)).toBe(faults)
  })

  it("direction: the line, also across lines and in import()", () => {
    const text = "// import \"../cli/no.ts\"\nexport {\n  a\n} from \"../wal/a.ts\"\nawait import(\"../cli/main.ts\")\n"
    expect(Tidy.importDirection(tree({ "src/base/a.ts": text }))).toEqual([
      "src/base/a.ts:2: src/base imports src/wal, which is not above it",
      "src/base/a.ts:5: src/base imports src/cli, which is not above it"
    ])
  })

  it("dead files, but not workers", () => {
    const files = {
      "src/cli/main.ts": "import \"../wal/used.ts\"\n",
      "src/index.ts": "",
      "layers/index.ts": "",
      "src/wal/used.ts": "new Worker(new URL(\"./worker.ts\", import.meta.url))\n",
      "src/wal/worker.ts": "",
      "src/wal/dead.ts": "",
      "test/support/dead.ts": "",
      "test/wal/a.test.ts": "import \"../../src/wal/dead.ts\"\n"
    }
    const dead = Tidy.deadFiles(tree(files)).map((fault) => fault.split(":")[0])
    expect(dead).toEqual(["src/wal/dead.ts", "test/support/dead.ts"])
  })

  it("imports that packages do not publish", () => {
    const files = {
      "package.json": JSON.stringify({
        dependencies: { effect: "4.1.0", hyparquet: "1.0.0" },
        devDependencies: { vitest: "5.1.1" }
      }),
      "src/wal/a.ts": [
        "import { Effect } from \"effect\"",
        "import * as Effect from \"effect/Effect\"",
        "import * as core from \"effect/internal/core\"",
        "import { thrift } from \"hyparquet/src/thrift.js\"",
        "import { it } from \"vitest\"",
        "import * as fs from \"fs\""
      ].join("\n")
    }
    expect(Tidy.packageImports(tree(files)).map((fault) => Number(fault.split(":")[1]))).toEqual([1, 3, 4, 5, 6])
  })

  it("inexact versions, registries and a lock file that disagrees", () => {
    const faults = Tidy.exactVersions(tree({
      "package.json": JSON.stringify({ dependencies: { a: "^1.0.0", b: "1.0.0" } }),
      "package-lock.json": JSON.stringify({
        packages: {
          "node_modules/a": { version: "^1.0.0", resolved: "https://registry" },
          "node_modules/b": { version: "2.0.0", optionalDependencies: { a: "1", "b-darwin": "1", c: "1" } },
          "node_modules/b/node_modules/c": { version: "1.0.0", dependencies: { a: "1" } }
        }
      })
    }))
    expect(faults.map((fault) => fault.split(" ")[1])).toEqual(["a", "b", "node_modules/a", "b-darwin,"])
  })

  it("dependencies without a reason, and reasons without a dependency", () => {
    const faults = Tidy.documentedDependencies(tree({
      "package.json": JSON.stringify({ dependencies: { a: "1.0.0", b: "1.0.0", c: "1.0.0" } }),
      "docs/dependencies.md": "| `a` | because |\n| `b` | |\n| `d` | because |\n"
    }))
    expect(faults.map((fault) => fault.split(" ").slice(1).join(" "))).toEqual([
      "says no reason for b",
      "says no reason for c",
      "d is not in package.json"
    ])
  })

  it("banned words in code and file names, and nowhere else", () => {
    const text =
      "const a = Date.now()\n// Math.random\nconst b = \"Math.random\"\nconst c = `${Math.random()} setTimeout`\nnew Date(5)\nnew Date()\n"
    expect(Tidy.bannedWords(tree({ "src/wal/a.ts": text, "src/wal/logManager.ts": "" }))).toEqual([
      "src/wal/a.ts:1: Date.now: use Clock.currentTimeMillis",
      "src/wal/a.ts:6: new Date(): use Clock.currentTimeMillis",
      "src/wal/a.ts:4: Math.random: use Random",
      "src/wal/logManager.ts: \"manager\" says nothing: name the file after what it holds"
    ])
  })

  it("long files, except generated ones", () => {
    const long = "\n".repeat(Tidy.FILE_LINES_MAX + 1)
    const files = {
      "src/wal/long.ts": long,
      "src/transport/grpc/generated/long.ts": long,
      "src/wal/short.ts": long.slice(1)
    }
    expect(Tidy.fileLength(tree(files))).toHaveLength(1)
  })

  it.each([
    ["1. A thing.\n   Test: test/a.test.ts\n2. Other: `test/a.test.ts`\n", 0],
    ["## 1. A thing\n\ntest/a.test.ts\n\n## 2. Other\n\nnothing\n", 1],
    ["| 1 | A thing | test/a.test.ts |\n| 2 | Other | |\n", 1],
    ["1. A thing: test/missing.test.ts\n", 1],
    ["prose\n", 1]
  ])("invariants without a test: %j has %i faults", (text, faults) => {
    expect(Tidy.enforcedInvariants(tree({ "docs/invariants.md": text, "test/a.test.ts": "" }))).toHaveLength(faults)
  })

  it("code, not text: regular expressions, templates and comments are masked", () => {
    const text = "const r = /[/\"]+/.test(a) / 2 // \"\nconst s = `a ${b({ c: \"}\" })} /* d` + 'e\\'f'\n/* g */ h"
    expect(maskText(text).replaceAll(/ +/g, " ")).toBe("const r = .test(a) / 2 \nconst s = b({ c: }) + \n h")
    expect(maskText(text)).toHaveLength(text.length)
    expect(importsOf("const a = \"import x from 'y'\"\nimport \"./z.ts\"\n")).toEqual([{
      specifier: "./z.ts",
      line: 2
    }])
  })
})
