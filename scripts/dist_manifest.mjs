// Writes dist/package.json: the manifest without what only a clone needs, its exports pointing at the compiled files.
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
// A clone brings its own Node 24; whoever installs the package must have it.
const { allowScripts: _1, engines: _4, exports, private: _2, scripts: _3, ...manifest } = JSON.parse(
  fs.readFileSync(path.join(root, "package.json"), "utf8")
)

const compiled = Object.fromEntries(
  Object.entries(exports).map(([name, source]) => [name, {
    types: source.replace(/\.ts$/, ".d.ts"),
    default: source.replace(/\.ts$/, ".js")
  }])
)

fs.mkdirSync(path.join(root, "dist"), { recursive: true })
fs.writeFileSync(
  path.join(root, "dist", "package.json"),
  `${
    JSON.stringify(
      { ...manifest, engines: { node: ">=24" }, exports: { ...compiled, "./package.json": "./package.json" } },
      null,
      2
    )
  }\n`
)
