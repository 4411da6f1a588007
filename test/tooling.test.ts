/** The commands around the engine: what every `npm` script runs first, and the line that `npm test` ends with. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import type { TestModule } from "vitest/node"
import { count, format } from "./support/closingLine.ts"

const root = path.join(import.meta.dirname, "..")

describe("scripts/install.mjs", () => {
  it("says nothing when everything is installed, and links varve", () => {
    const output = execFileSync(process.execPath, ["scripts/install.mjs"], {
      cwd: root,
      encoding: "utf8",
      stdio: "pipe"
    })
    expect(output).toBe("")
    expect(fs.realpathSync(path.join(root, "node_modules/.bin/varve"))).toBe(
      fs.realpathSync(path.join(root, "bin/varve.js"))
    )
  })

  it("gives every command the Node that the manifest names", () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"))
    const version = execFileSync(path.join(root, "node_modules/.bin/node"), ["--version"], { encoding: "utf8" })
    expect(version.trim()).toBe(`v${manifest.devDependencies.node}`)
  })

  it("is followed by a server that no shell keeps from its signals", () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"))
    expect(manifest.scripts.start).toMatch(/^exec [^&|;]+$/)
  })
})

describe("the closing line", () => {
  const moduleOf = (states: ReadonlyArray<string>, errors: number, suiteErrors: number): TestModule => ({
    errors: () => Array.from({ length: errors }),
    children: {
      allSuites: () => [{ errors: () => Array.from({ length: suiteErrors }) }],
      allTests: () => states.map((state) => ({ result: () => ({ state }) }))
    }
  } as unknown as TestModule)

  it("counts tests, and what fails outside of them", () => {
    const modules = [moduleOf(["passed", "passed", "skipped", "failed"], 0, 1), moduleOf([], 1, 0)]
    expect(format(count(modules, 1))).toBe("2 passed, 4 failed, 1 skipped")
  })

  it("does not count a test that never finished as passed", () => {
    expect(count([moduleOf(["pending", "passed"], 0, 0)], 0)).toEqual({ passed: 1, failed: 1, skipped: 0 })
  })
})
