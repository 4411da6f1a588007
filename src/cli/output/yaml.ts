/** JSON values as YAML: blocks for objects and lists, texts in quotes wherever YAML could take them for anything else. */
import type { Json } from "../../schema/types.ts"

const word = /^[A-Za-z_](?:[\w ./()+-]*[\w./()+-])?$/
const reserved = /^(?:true|false|null|yes|no|on|off|y|n)$/i

const scalar = (value: null | boolean | number | string): string =>
  typeof value === "string" && word.test(value) && !reserved.test(value) ? value : JSON.stringify(value)

const isEmpty = (value: object): boolean => Object.keys(value).length === 0

/** The lines of a value, each with its line end; those behind the first are indented. */
const block = (value: Json, indent: string): string => {
  if (typeof value !== "object" || value === null) return `${scalar(value)}\n`
  if (Array.isArray(value)) {
    if (isEmpty(value)) return "[]\n"
    // Lists within lists are written in line: blocks of them are correct, but not every reader takes them.
    return value
      .map((item: Json) => `- ${Array.isArray(item) ? `${JSON.stringify(item)}\n` : block(item, `${indent}  `)}`)
      .join(indent)
  }
  if (isEmpty(value)) return "{}\n"
  return Object.entries(value).map(([name, part]: readonly [string, Json]) => {
    const isScalar = typeof part !== "object" || part === null || isEmpty(part)
    const inner = `${indent}  `
    return `${scalar(name)}:${isScalar ? ` ${block(part, "")}` : `\n${inner}${block(part, inner)}`}`
  }).join(indent)
}

/** A YAML document, or an item of one where the value is a list. */
export const toYaml = (value: Json): string => block(value, "")
