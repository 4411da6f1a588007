/** What tenants, tables and columns may be called. */
import { nameLengthMax } from "./limits.ts"

const identifier = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/
// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const control = /[\u0000-\u001f\u007f]/

/** What is wrong with the id of a tenant or table; `undefined` where nothing is. */
export const identifierProblem = (name: string): string | undefined => {
  if (name === "") return "is empty"
  if (name.length > nameLengthMax) return `has ${name.length} characters; ${nameLengthMax} are allowed`
  if (!identifier.test(name)) {
    return `is ${JSON.stringify(name)}; letters, digits, "_", "-" and "." are allowed, a letter or digit first`
  }
  return undefined
}

/** What is wrong with a column's name; `undefined` where nothing is. Names that begin with "_" are the engine's. */
export const columnNameProblem = (name: string): string | undefined => {
  if (name === "") return "is empty"
  if (name.length > nameLengthMax) return `has ${name.length} characters; ${nameLengthMax} are allowed`
  if (name.startsWith("_")) return `is ${JSON.stringify(name)}; names that begin with "_" belong to the engine`
  if (control.test(name)) return `is ${JSON.stringify(name)}; control characters are not allowed`
  // On the wire a name is UTF-8, where half a character cannot be told from another half.
  if (!name.isWellFormed()) return `is ${JSON.stringify(name)}, which holds half a character`
  return undefined
}
