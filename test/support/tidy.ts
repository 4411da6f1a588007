/**
 * The repository's rules about itself. Each rule is a pure function from the repository's files to what is wrong with them, one line
 * per fault with the file, the line where there is one, and the way out.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { importsOf, maskText, relativePathsOf } from "./sourceText.ts"

/** The text of each file by its path from the root, with `/` between folders. */
export type Files = ReadonlyMap<string, string>

/** Names a fault per line; nothing when the rule holds. */
export type Rule = (files: Files) => ReadonlyArray<string>

const READ = /\.(?:ts|mjs|js|md|json)$/
const IGNORED = new Set(["node_modules", "dist", "data", "coverage", ".git", "peers"])

/** Reads every source, document and manifest below the root. */
export const readFiles = (root: string): Files => {
  const files = new Map<string, string>()
  const visit = (folder: string): void => {
    for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) {
        if (!IGNORED.has(entry.name)) visit(name)
      } else if (READ.test(entry.name)) {
        files.set(name, fs.readFileSync(path.join(root, name), "utf8"))
      }
    }
  }
  visit("")
  return files
}

const GENERATED = "src/transport/grpc/generated/"

const typescriptIn = (files: Files, ...folders: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  [...files].filter(([file]) =>
    file.endsWith(".ts") && !file.startsWith(GENERATED) && folders.some((folder) => file.startsWith(`${folder}/`))
  )

const resolveFrom = (file: string, specifier: string): string => path.posix.join(path.posix.dirname(file), specifier)

// ---------------------------------------------------------------------------------------------------------------------
// Import direction
// ---------------------------------------------------------------------------------------------------------------------

/** The house, from the ground up: a folder of src imports from lines above its own, never from its own line's other folders. */
export const HOUSE: ReadonlyArray<ReadonlyArray<string>> = [
  ["base"],
  ["event"],
  ["storage", "schema"],
  ["wal", "segment"],
  ["catalog"],
  ["mvcc"],
  ["administration", "ingestion", "query", "processor"],
  ["security"],
  ["transport"],
  ["cli"]
]

const storeyOf = (file: string): number => HOUSE.findIndex((line) => line.includes(file.split("/")[1]))

const isFolderOfSource = (file: string): boolean => file.split("/").length > 2

/** Imports point up the list only; src never imports layers, and neither imports tests, benchmarks or scripts. */
export const importDirection: Rule = (files) => {
  const faults: Array<string> = []
  for (const [file, text] of typescriptIn(files, "src", "layers")) {
    const inSource = file.startsWith("src/")
    if (inSource && isFolderOfSource(file) && storeyOf(file) === -1) {
      faults.push(`${file}: src/${file.split("/")[1]} is not in the list of folders (HOUSE in test/support/tidy.ts)`)
      continue
    }
    for (const { line, specifier } of importsOf(text)) {
      const at = `${file}:${line}`
      if (specifier === "varve" || specifier.startsWith("varve/")) {
        faults.push(`${at}: imports the package by its own name; import the file`)
        continue
      }
      if (!specifier.startsWith(".")) continue
      const target = resolveFrom(file, specifier)
      const top = target.split("/")[0]
      if (inSource && top === "layers") faults.push(`${at}: src imports layers, which compose src`)
      else if (top !== "src" && top !== "layers") faults.push(`${at}: imports ${target}, outside of src and layers`)
      else if (inSource && isFolderOfSource(file)) {
        const [own, other] = [file.split("/")[1], target.split("/")[1]]
        if (!isFolderOfSource(target)) faults.push(`${at}: imports ${target}, which is the library's entry point`)
        else if (own !== other && storeyOf(target) >= storeyOf(file)) {
          faults.push(`${at}: src/${own} imports src/${other}, which is not above it`)
        }
      }
    }
  }
  return faults
}

// ---------------------------------------------------------------------------------------------------------------------
// Dead files
// ---------------------------------------------------------------------------------------------------------------------

/** Where the outside comes in. Workers are found by the paths that name them. */
export const ENTRY_POINTS: ReadonlyArray<string> = ["src/cli/main.ts", "src/index.ts", "layers/index.ts"]

const reachableFrom = (files: Files, entries: ReadonlyArray<string>): ReadonlySet<string> => {
  const reached = new Set<string>()
  const waiting = [...entries]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const text = files.get(file)
    if (text === undefined || reached.has(file)) continue
    reached.add(file)
    for (const { specifier } of relativePathsOf(text)) waiting.push(resolveFrom(file, specifier))
  }
  return reached
}

/**
 * Every file of src and layers is reachable from an entry point, and every file of test/support from a test. A file that only tests
 * use is dead. Asked of src once all of its entry points exist.
 */
export const deadFiles: Rule = (files) => {
  const faults: Array<string> = []
  if (ENTRY_POINTS.every((file) => files.has(file))) {
    const reached = reachableFrom(files, ENTRY_POINTS)
    for (const [file] of typescriptIn(files, "src", "layers")) {
      if (!reached.has(file))
        faults.push(`${file}: unreachable from ${ENTRY_POINTS.join(", ")}: delete it or use it`)
    }
  }
  const tests = [...files.keys()].filter((file) => file.endsWith(".test.ts") || file.startsWith("bench/"))
  const reached = reachableFrom(files, [...tests, "vitest.config.ts"])
  for (const [file] of typescriptIn(files, "test")) {
    if (!reached.has(file)) faults.push(`${file}: no test uses it: delete it or use it`)
  }
  return faults
}

// ---------------------------------------------------------------------------------------------------------------------
// Packages
// ---------------------------------------------------------------------------------------------------------------------

/** Packages whose public interface is their subpaths ("*"), or that publish these ones beside the root. */
const PUBLIC_SUBPATHS: Readonly<Record<string, "*" | ReadonlyArray<string>>> = {
  "effect": "*",
  "@effect/platform-node": "*",
  "@effect/vitest": "*",
  "@bufbuild/protobuf": ["codegenv2", "reflect", "wire", "wkt"],
  "vitest": ["config", "node"]
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const manifestOf = (files: Files): Manifest => JSON.parse(files.get("package.json") ?? "{}") as Manifest

const splitPackage = (specifier: string): readonly [name: string, subpath: string] => {
  const parts = specifier.split("/")
  const length = specifier.startsWith("@") ? 2 : 1
  return [parts.slice(0, length).join("/"), parts.slice(length).join("/")]
}

/** Packages are imported by what they publish, builtins by `node:`, and src imports only what users install. */
export const packageImports: Rule = (files) => {
  const faults: Array<string> = []
  const { dependencies = {}, devDependencies = {} } = manifestOf(files)
  for (const [file, text] of typescriptIn(files, "src", "layers", "test", "bench", "examples")) {
    const published = file.startsWith("src/") || file.startsWith("layers/")
    for (const { line, specifier } of importsOf(text)) {
      const [name, subpath] = splitPackage(specifier)
      if (specifier.startsWith(".") || specifier.startsWith("node:") || name === "varve") continue
      const allowed = PUBLIC_SUBPATHS[name] ?? []
      const at = `${file}:${line}`
      if (!(name in dependencies) && !(name in devDependencies)) {
        faults.push(`${at}: ${name} is not in package.json (a builtin is imported as "node:${name}")`)
      } else if (published && !(name in dependencies)) {
        faults.push(`${at}: ${name} is a development dependency; users do not have it`)
      }
      if (subpath === "" ? name === "effect" : (allowed !== "*" && !allowed.includes(subpath))) {
        faults.push(
          subpath === ""
            ? `${at}: imports the whole of effect; import the module, "effect/Effect"`
            : `${at}: imports ${subpath} from within ${name}`
        )
      } else if (/^(?:internal|src|dist)\b/.test(subpath)) {
        faults.push(`${at}: imports ${subpath} from within ${name}`)
      }
    }
  }
  return faults
}

/** Whether a package at a location of the lock file finds a dependency in its own node_modules or in one above it. */
const isLocked = (packages: Readonly<Record<string, unknown>>, location: string, name: string): boolean => {
  if (`${location === "" ? "" : `${location}/`}node_modules/${name}` in packages) return true
  return location !== "" &&
    isLocked(packages, location.slice(0, Math.max(0, location.lastIndexOf("/node_modules/"))), name)
}

/**
 * package.json and package-lock.json agree, name exact versions, and name no registry. The lock file is complete for every platform:
 * npm leaves out optional packages that the registry at hand does not have, and then `npm ci` refuses the lock file.
 */
export const exactVersions: Rule = (files) => {
  const faults: Array<string> = []
  const { dependencies = {}, devDependencies = {} } = manifestOf(files)
  const lock = JSON.parse(files.get("package-lock.json") ?? "{}") as {
    readonly packages?: Readonly<Record<string, Manifest & { readonly resolved?: string; readonly version?: string }>>
  }
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
      faults.push(`package.json: ${name} ${version} is not an exact version`)
    const locked = lock.packages?.[`node_modules/${name}`]?.version
    if (locked !== version)
      faults.push(`package-lock.json: ${name} is ${locked}, package.json says ${version}: run npm install`)
  }
  const packages = lock.packages ?? {}
  for (const [location, { dependencies, optionalDependencies, resolved }] of Object.entries(packages)) {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (!isLocked(packages, location, name))
        faults.push(`package-lock.json: ${name}, which ${location} needs, is missing`)
    }
    if (resolved !== undefined) {
      faults.push(`package-lock.json: ${location} names a registry ("resolved"): install with the repository's .npmrc`)
    }
  }
  return faults
}

/** docs/dependencies.md has a table row for each dependency, with its reason, and for nothing else. */
export const documentedDependencies: Rule = (files) => {
  const rows = [...(files.get("docs/dependencies.md") ?? "").matchAll(/^\| `([^`]+)` *\|(.*)$/gm)]
  const documented = new Map(rows.map((row) => [row[1], row[2].replaceAll("|", "").trim()]))
  const { dependencies = {}, devDependencies = {} } = manifestOf(files)
  const names = Object.keys({ ...dependencies, ...devDependencies })
  return [
    ...names.filter((name) => (documented.get(name) ?? "") === "")
      .map((name) => `docs/dependencies.md: says no reason for ${name}`),
    ...[...documented.keys()].filter((name) => !names.includes(name))
      .map((name) => `docs/dependencies.md: ${name} is not in package.json`)
  ]
}

// ---------------------------------------------------------------------------------------------------------------------
// Words and sizes
// ---------------------------------------------------------------------------------------------------------------------

/** What src must not do by itself, and what it does instead. */
const BANNED: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bDate\s*\.\s*now\b/g, "Date.now: use Clock.currentTimeMillis"],
  [/\bnew\s+Date\s*(?:\(\s*\)|(?![\s(\w]))/g, "new Date(): use Clock.currentTimeMillis"],
  [/\bMath\s*\.\s*random\b/g, "Math.random: use Random"],
  [/\bset(?:Timeout|Interval|Immediate)\b/g, "a raw timer: use Effect.sleep or a Schedule"]
]

const BANNED_IN_FILE_NAMES = new Set(["helper", "helpers", "util", "utils", "manager", "managers"])

const wordsOf = (name: string): ReadonlyArray<string> =>
  name.replaceAll(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z\d]+/)

/** No clock, randomness or timer of its own in src and layers, and no file or folder named after nothing. */
export const bannedWords: Rule = (files) => {
  const faults: Array<string> = []
  for (const [file, text] of typescriptIn(files, "src", "layers")) {
    const code = maskText(text)
    for (const [pattern, what] of BANNED) {
      for (const match of code.matchAll(pattern)) {
        faults.push(`${file}:${code.slice(0, match.index).split("\n").length}: ${what}`)
      }
    }
    const word = wordsOf(file).find((word) => BANNED_IN_FILE_NAMES.has(word))
    if (word !== undefined) faults.push(`${file}: "${word}" says nothing: name the file after what it holds`)
  }
  return faults
}

/** The longest a file of src may be, in lines. */
export const FILE_LINES_MAX = 400

/** Files that may be longer, each with its reason. */
export const LONG_FILES: Readonly<Record<string, string>> = {}

/** A file holds one concept, and one concept fits in FILE_LINES_MAX lines. */
export const fileLength: Rule = (files) => {
  const faults: Array<string> = []
  for (const [file, text] of typescriptIn(files, "src", "layers")) {
    const lines = text.split("\n").length - 1
    if (lines > FILE_LINES_MAX && LONG_FILES[file] === undefined) {
      faults.push(`${file}: ${lines} lines, more than ${FILE_LINES_MAX}: split it, or say why in LONG_FILES`)
    }
  }
  for (const file of Object.keys(LONG_FILES)) {
    if ((files.get(file) ?? "").split("\n").length - 1 <= FILE_LINES_MAX) faults.push(`LONG_FILES: ${file} is not long`)
  }
  return faults
}

// ---------------------------------------------------------------------------------------------------------------------
// Invariants
// ---------------------------------------------------------------------------------------------------------------------

/** Each numbered invariant of docs/invariants.md (list, heading or table row) names a test, and every test it names exists. */
export const enforcedInvariants: Rule = (files) => {
  const text = files.get("docs/invariants.md")
  if (text === undefined) return []
  const faults: Array<string> = []
  const invariants = [
    ...text.matchAll(
      /^(?:#+ +|\| *)?(?:\*\*)?(\d+)(?:\.| *\|).*(?:\n(?!(?:#+ +|\| *)?(?:\*\*)?\d+(?:\.| *\|)|# ).*)*/gm
    )
  ]
  if (invariants.length === 0) faults.push("docs/invariants.md: no numbered invariant found")
  for (const [invariant, number] of invariants) {
    if (!/\btest\/[\w./-]+\.test\.ts\b/.test(invariant))
      faults.push(`docs/invariants.md: invariant ${number} names no test`)
  }
  for (const [named] of text.matchAll(/\btest\/[\w./-]*\w/g)) {
    const exists = files.has(named) || [...files.keys()].some((file) => file.startsWith(`${named.replace(/\/$/, "")}/`))
    if (!exists) faults.push(`docs/invariants.md: ${named} does not exist`)
  }
  return faults
}
