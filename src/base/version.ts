/** Which Varve this is. */
import * as fs from "node:fs"
import * as path from "node:path"

const readVersion = (): string => {
  // From source the manifest is two folders up, compiled it is three.
  for (let folder = import.meta.dirname; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const file = path.join(folder, "package.json")
    if (!fs.existsSync(file)) continue
    const manifest = JSON.parse(fs.readFileSync(file, "utf8")) as { readonly name?: string; readonly version?: string }
    if (manifest.name === "varve" && manifest.version !== undefined) return manifest.version
  }
  return "unknown"
}

/** The version of the package, as in its manifest. */
export const version: string = readVersion()
