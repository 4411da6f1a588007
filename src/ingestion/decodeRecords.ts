/**
 * Records of one request, from the wire into batches: one batch for each table and written schema version. Each record
 * is accepted as a whole or refused with its reason; a refused one leaves no trace in the batches.
 */
import { isUtf8 } from "node:buffer"
import { decodeUtf8, encodeUtf8, equalRanges } from "../base/bytes.ts"
import type { Caller } from "../base/caller.ts"
import { keyBytesMax } from "../base/limits.ts"
import type { Reason } from "../base/reason.ts"
import type { CatalogService } from "../catalog/Catalog.ts"
import { latest, type SchemaVersion, type Table, versionOf } from "../catalog/state.ts"
import { setNull } from "../event/vector.ts"
import type { RowDecoder } from "../schema/decoder/compile.ts"
import { readTimestamp } from "../schema/decoder/typedRow.ts"
import type { DecodersService } from "../schema/Decoders.ts"
import type { RecordError } from "./Ingestion.ts"
import { encodeMetadata } from "./metadata.ts"
import { makeRecordParts, readRecord, type RecordParts } from "./recordReader.ts"

/** Where records go that do not say it themselves. */
export interface Defaults {
  readonly tenant: string
  readonly table: string
}

/** The rows of one table and written schema version. */
export interface Target {
  readonly table: Table
  readonly stored: SchemaVersion
  readonly decoder: RowDecoder
  /** The column that keys are taken from, as its number; -1 where there is none. */
  readonly keyColumn: number
  readonly recordIndexes: Array<number>
}

/** What a request's records became. The decoders are borrowed: give them back when their rows are committed. */
export interface DecodedRecords {
  readonly targets: ReadonlyArray<Target>
  readonly accepted: number
  /** In the order of the records. */
  readonly errors: ReadonlyArray<RecordError>
}

/** A record's refusal, thrown only where a whole target cannot be found: rare, and the same for its neighbours. */
class Refused extends Error {
  readonly reason: Reason
  readonly field: string
  constructor(reason: Reason, field: string, message: string) {
    super(message)
    this.reason = reason
    this.field = field
  }
}

/**
 * Decodes the records at `ranges` (start and end of each, one after another). Where `careful`, each string is checked
 * for UTF-8 by itself.
 */
export const decodeRecords = (
  bytes: Uint8Array,
  ranges: ReadonlyArray<number>,
  defaults: Defaults,
  caller: Caller,
  catalog: CatalogService,
  decoders: DecodersService
): DecodedRecords => {
  const decoded = decodeOnce(bytes, ranges, defaults, caller, catalog, decoders, false)
  if (decoded.targets.every(isTextValid)) return decoded
  // Somewhere a string is not UTF-8. That is rare: decode again, looking at each string, to name the record.
  for (const target of decoded.targets) decoders.giveBack(target.decoder)
  return decodeOnce(bytes, ranges, defaults, caller, catalog, decoders, true)
}

const isTextValid = ({ decoder }: Target): boolean => {
  const { batch } = decoder
  return isUtf8(batch.keys.heap.subarray(0, batch.keys.offsets[batch.count])) && decoder.isTextValid(batch.count)
}

const decodeOnce = (
  bytes: Uint8Array,
  ranges: ReadonlyArray<number>,
  defaults: Defaults,
  caller: Caller,
  catalog: CatalogService,
  decoders: DecodersService,
  careful: boolean
): DecodedRecords => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts = makeRecordParts()
  const errors: Array<RecordError> = []
  const targets = new Map<string, Target>()
  const finder = new TargetFinder(bytes, defaults, caller, catalog, (table, written) => {
    const key = `${table.id}/${written.version}`
    let target = targets.get(key)
    if (target === undefined) {
      const stored = latest(table)
      const decoder = decoders.borrow(stored, written)
      decoder.setCareful(careful)
      const keyColumn = stored.schema.columns.findIndex((column) => column.name === stored.schema.key)
      target = { table, stored, decoder, keyColumn, recordIndexes: [] }
      targets.set(key, target)
    }
    return target
  })
  for (let i = 0; i < ranges.length; i += 2) {
    const index = i >> 1
    try {
      if (!readRecord(bytes, ranges[i], ranges[i + 1], parts)) {
        errors.push({ index, reason: "MALFORMED_MESSAGE", field: "", message: "the bytes are no varve.v1.DataRecord" })
        continue
      }
      const target = finder.find(parts)
      const error = decodeRow(bytes, view, parts, target, index, careful)
      if (error !== undefined) errors.push(error)
      else target.recordIndexes.push(index)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      errors.push({ index, reason: error.reason, field: error.field, message: error.message })
    }
  }
  return { targets: [...targets.values()], accepted: ranges.length / 2 - errors.length, errors }
}

/** Finds a record's target. Neighbours mostly have the same one: then only their bytes are compared. */
class TargetFinder {
  private readonly bytes: Uint8Array
  private readonly defaults: Defaults
  private readonly caller: Caller
  private readonly catalog: CatalogService
  private readonly open: (table: Table, written: SchemaVersion) => Target
  private last: { readonly parts: RecordParts; readonly target: Target } | undefined

  constructor(
    bytes: Uint8Array,
    defaults: Defaults,
    caller: Caller,
    catalog: CatalogService,
    open: (table: Table, written: SchemaVersion) => Target
  ) {
    this.bytes = bytes
    this.defaults = defaults
    this.caller = caller
    this.catalog = catalog
    this.open = open
  }

  find(parts: RecordParts): Target {
    if (this.last !== undefined && this.isLike(this.last.parts, parts)) return this.last.target
    const tenantId = this.text(parts.tenantStart, parts.tenantEnd, "tenant_id") || this.defaults.tenant ||
      (this.caller.tenant ?? "")
    if (tenantId === "")
      throw new Refused("MISSING_ARGUMENT", "tenant_id", "tenant_id: missing; say which tenant it is for")
    if (this.caller.tenant !== undefined && this.caller.tenant !== tenantId) {
      throw new Refused(
        "TENANT_FORBIDDEN",
        "tenant_id",
        `tenant_id: the credential is not for tenant ${quote(tenantId)}`
      )
    }
    const tableName = this.text(parts.tableStart, parts.tableEnd, "table") || this.defaults.table
    if (tableName === "") throw new Refused("MISSING_ARGUMENT", "table", "table: missing; say which table it is for")
    if (!this.catalog.state().tenants.has(tenantId)) {
      throw new Refused(
        "TENANT_NOT_FOUND",
        "tenant_id",
        `tenant_id: there is no tenant ${quote(tenantId)}; create it first`
      )
    }
    const table = this.catalog.table(tenantId, tableName)
    if (table === undefined) {
      throw new Refused(
        "TABLE_NOT_FOUND",
        "table",
        `table: tenant ${quote(tenantId)} has no table ${quote(tableName)}; register its schema first`
      )
    }
    const written = versionOf(table, parts.schemaVersion)
    if (written === undefined) {
      throw new Refused(
        "SCHEMA_VERSION_NOT_FOUND",
        "schema_version",
        `schema_version: ${parts.schemaVersion} is not there; table ${quote(tableName)} has versions 1 to ${
          latest(table).version
        }`
      )
    }
    const target = this.open(table, written)
    this.last = { parts: { ...parts }, target }
    return target
  }

  private isLike(a: RecordParts, b: RecordParts): boolean {
    const { bytes } = this
    const tenant = a.tenantEnd - a.tenantStart
    const table = a.tableEnd - a.tableStart
    return a.schemaVersion === b.schemaVersion && tenant === b.tenantEnd - b.tenantStart &&
      table === b.tableEnd - b.tableStart && equalRanges(bytes, a.tableStart, bytes, b.tableStart, table) &&
      equalRanges(bytes, a.tenantStart, bytes, b.tenantStart, tenant)
  }

  private text(start: number, end: number, field: string): string {
    const slice = this.bytes.subarray(start, end)
    if (!isUtf8(slice)) throw new Refused("INVALID_UTF8", field, `${field}: the string is not valid UTF-8`)
    return decodeUtf8(slice)
  }
}

const quote = (name: string): string => JSON.stringify(name)

/** Writes one record as the next row of its target. Returns why it is refused, or `undefined`. */
const decodeRow = (
  bytes: Uint8Array,
  view: DataView,
  parts: RecordParts,
  target: Target,
  index: number,
  careful: boolean
): RecordError | undefined => {
  const { decoder } = target
  const { batch } = decoder
  const row = batch.count
  if (row === batch.capacity) {
    batch.reserve(row + 1)
    decoder.rebind()
  }
  const refused = (reason: Reason, field: string, message: string): RecordError => ({
    index,
    reason,
    field,
    message: field === "" ? message : `${field}: ${message}`
  })

  if (parts.payload === "none") {
    if (!parts.deleted) return refused("MISSING_FIELD", "data", "missing; send the columns in data or row")
    decoder.empty(row)
  } else {
    if (parts.deleted)
      return refused("INVALID_VALUE", "deleted", "a deletion carries no payload; leave out data and row")
    const isStored = parts.payload === "struct"
      ? decoder.struct(bytes, view, parts.payloadStart, parts.payloadEnd, row)
      : decoder.typed(bytes, view, parts.payloadStart, parts.payloadEnd, row)
    if (!isStored) {
      const { field, message, reason } = decoder.problem
      const payload = parts.payload === "struct" ? "data" : "row"
      return refused(reason, field === "" ? payload : `${payload}.${field}`, message)
    }
  }
  const keyProblem = writeKey(bytes, parts, target, row, careful)
  if (keyProblem !== undefined) return refused(keyProblem.reason, "key", keyProblem.message)
  if (!writeTimestamp(bytes, parts, target, row)) {
    return refused(
      "VALUE_OUT_OF_RANGE",
      "timestamp",
      "not between 0001-01-01 and 9999-12-31, or its nanos are not from 0 to 999,999,999"
    )
  }
  if (parts.metadata.length === 0) setNull(batch.metadata, row)
  else {
    const metadata = encodeMetadata(bytes, parts.metadata)
    if (typeof metadata === "string") return refused("INVALID_METADATA", "metadata", metadata)
    batch.metadata.nulls[row] = 0
    batch.metadata.set(row, metadata)
  }
  batch.deleted[row] = parts.deleted ? 1 : 0
  if (parts.deleted) batch.hasDeleted = true
  // Counted last: until here the row was never there.
  batch.count = row + 1
  return undefined
}

const writeKey = (
  bytes: Uint8Array,
  parts: RecordParts,
  { decoder, keyColumn, stored }: Target,
  row: number,
  careful: boolean
): { readonly reason: Reason; readonly message: string } | undefined => {
  const { keys } = decoder.batch
  const { keyEnd, keyStart } = parts
  let key: Uint8Array | undefined
  if (keyColumn >= 0 && !parts.deleted) {
    const column = decoder.batch.columns[keyColumn]
    key = column.kind === "text"
      ? column.get(row)
      : encodeUtf8(String(column.kind === "int64" ? column.get(row) : column.values[row]))
    const length = keyEnd - keyStart
    if (length > 0 && (length !== key.length || !equalRanges(bytes, keyStart, key, 0, length))) {
      return {
        reason: "INVALID_KEY",
        message: `differs from column ${stored.schema.key}; leave the key empty, it is taken from there`
      }
    }
  }
  const start = key === undefined ? keyStart : 0
  const end = key === undefined ? keyEnd : key.length
  const source = key ?? bytes
  if (start === end) {
    return {
      reason: "INVALID_KEY",
      message: keyColumn >= 0 && !parts.deleted
        ? `is empty: it is taken from column ${stored.schema.key}, which is empty`
        : "is empty; give a key of 1 to 1024 bytes, or register a key column"
    }
  }
  if (end - start > keyBytesMax) {
    return { reason: "INVALID_KEY", message: `has ${end - start} bytes; ${keyBytesMax} are allowed` }
  }
  if ((source[start] & 0xc0) === 0x80 || (careful && !isUtf8(source.subarray(start, end)))) {
    return { reason: "INVALID_UTF8", message: "is not valid UTF-8" }
  }
  const at = keys.offsets[row]
  const length = end - start
  keys.reserveHeap(at + length, at)
  const { heap } = keys
  if (length < 48) { for (let i = 0; i < length; i++) heap[at + i] = source[start + i] }
  else heap.set(source.subarray(start, end), at)
  keys.offsets[row + 1] = at + length
  return undefined
}

const writeTimestamp = (bytes: Uint8Array, parts: RecordParts, { decoder }: Target, row: number): boolean => {
  const { timestamps } = decoder.batch
  if (parts.timestampStart < 0) {
    setNull(timestamps, row)
    return true
  }
  const micros = readTimestamp(bytes, parts.timestampStart, parts.timestampEnd)
  if (micros === undefined) return false
  timestamps.nulls[row] = 0
  if (typeof micros === "number") timestamps.setNumber(row, micros)
  else timestamps.setBigInt(row, micros)
  return true
}
