// Makes a clone ready to run: installs what is missing, links `varve`, and otherwise says nothing.
//
// Plain JavaScript for Node 20, because this is what runs before Node 24 is there: the devDependency `node` brings it, and npm puts
// node_modules/.bin first on the PATH of every script.
//
// The stamp is npm's own node_modules/.package-lock.json, which npm writes as the last step of a complete installation. An
// interrupted installation therefore counts as missing, and `npm install something` by hand counts as current.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === "win32"

const readJson = (file) => {
  try {
    return JSON.parse(fs.readFileSync(path.join(root, file), "utf8"))
  } catch {
    return undefined
  }
}

/** The first reason to install, or undefined when everything the lock file names is there. */
const whatIsMissing = () => {
  const wanted = readJson("package-lock.json")
  if (wanted === undefined) throw new Error("package-lock.json is missing or damaged: restore it from git")
  const installed = readJson("node_modules/.package-lock.json")
  if (installed === undefined) return "node_modules"
  for (const [location, { integrity, optional, version }] of Object.entries(wanted.packages)) {
    if (location === "") continue
    const found = installed.packages[location]
    if (found === undefined) {
      // An optional package is absent on purpose when it is built for another platform.
      if (optional !== true) return location
      continue
    }
    if (found.version !== version || found.integrity !== integrity) return location
  }
  if (!fs.existsSync(node24)) return "node_modules/node"
  return undefined
}

const node24 = path.join(root, "node_modules", "node", "bin", windows ? "node.exe" : "node")

const install = (missing) => {
  const started = process.hrtime.bigint()
  console.error(`Installing dependencies (${missing} is missing or out of date); this takes a minute ...`)
  // Development dependencies always: `node` is one of them. Errors only: warnings here are about other people's machines.
  const { error, status } = spawnSync(windows ? "npm.cmd" : "npm", [
    "ci",
    "--include=dev",
    "--no-audit",
    "--no-fund",
    "--loglevel=error"
  ], { cwd: root, shell: windows, stdio: ["ignore", 2, 2] })
  if (error !== undefined || status !== 0) {
    throw new Error(
      `npm ci failed${error === undefined ? "" : `: ${error.message}`}. Check the network, then run it by hand`
    )
  }
  if (!fs.existsSync(node24) && Number(process.versions.node.split(".")[0]) < 24) {
    throw new Error(
      `Node 24 was not installed (are install scripts switched off?). Run \`npm rebuild node --ignore-scripts=false\`, or use Node 24 instead of ${process.version}`
    )
  }
  console.error(`Installed in ${Number((process.hrtime.bigint() - started) / 1_000_000_000n)} s`)
}

/** `npx varve` and npm's scripts find the clone's own command by this link. */
const link = () => {
  const directory = path.join(root, "node_modules", ".bin")
  if (windows) {
    const file = path.join(directory, "varve.cmd")
    if (!fs.existsSync(file)) fs.writeFileSync(file, "@node \"%~dp0\\..\\..\\bin\\varve.js\" %*\r\n")
    return
  }
  try {
    fs.symlinkSync("../../bin/varve.js", path.join(directory, "varve"))
  } catch (cause) {
    if (cause.code !== "EEXIST") throw cause
  }
}

try {
  const missing = whatIsMissing()
  if (missing !== undefined) install(missing)
  link()
} catch (cause) {
  console.error(`varve: ${cause.message}`)
  process.exit(1)
}
