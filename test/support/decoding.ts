/** Decoding of records through the same functions as a request's, over tables that need no engine. */
import { unrestricted } from "../../src/base/caller.ts"
import * as Position from "../../src/base/position.ts"
import type { CatalogService } from "../../src/catalog/Catalog.ts"
import { foldCatalog } from "../../src/catalog/fold.ts"
import { makeCatalog } from "../../src/catalog/makeCatalog.ts"
import { type CatalogState, empty, latest, type Table } from "../../src/catalog/state.ts"
import { decodeRecords } from "../../src/ingestion/decodeRecords.ts"
import type { RecordError } from "../../src/ingestion/Ingestion.ts"
import { makeDecoders } from "../../src/schema/Decoders.ts"
import { canonicalDocument, parseDocument } from "../../src/schema/document.ts"
import type { TableSchema } from "../../src/schema/types.ts"
import { type Cell, cellOfVector } from "./naiveRows.ts"
import type { Document } from "./randomSchema.ts"

/** A row as it was decoded. */
export interface DecodedRow {
  readonly table: string
  readonly key: string
  readonly cells: ReadonlyArray<Cell>
  readonly deleted: boolean
  /** Microseconds, as text. */
  readonly timestamp: Cell
  readonly metadata: Cell
}

/** A decoded record, or why it was refused. */
export type DecodedRecord = { readonly row: DecodedRow } | { readonly error: RecordError }

/** The schema of a document, which must be a good one. */
export const schemaOf = (document: Document, earlier: ReadonlyArray<TableSchema> = []): TableSchema => {
  const parsed = parseDocument(JSON.stringify(document), earlier)
  if (parsed.problem !== undefined) throw new Error(`${parsed.problem.field}: ${parsed.problem.message}`)
  return parsed.schema
}

/** Tables, each with its versions in order, by name; those of another tenant than `t` by `tenant/name`. */
export const catalogOf = (tables: Readonly<Record<string, ReadonlyArray<Document>>>): CatalogService => {
  let state: CatalogState = empty
  let position = 0
  Object.entries(tables).forEach(([path, versions], i) => {
    const [table, tenant = "t"] = path.split("/").reverse()
    const schemas: Array<TableSchema> = []
    for (const document of versions) {
      schemas.push(schemaOf(document, schemas))
      state = foldCatalog(
        state,
        {
          kind: "SchemaRegistered",
          tenant,
          table,
          tableId: i + 1,
          version: schemas.length,
          definition: canonicalDocument(schemas[schemas.length - 1])
        },
        Position.make(++position),
        1
      )
    }
  })
  return makeCatalog(() => state)
}

/** Decodes records again and again, over pooled batches. */
export const makeHarness = (catalog: CatalogService) => {
  const decoders = makeDecoders()
  return {
    decoders,
    table: (name: string): Table => catalog.table("t", name)!,
    /** Decodes records that lie one behind the other, the first of them `offset` bytes into the buffer. */
    decode: (
      records: ReadonlyArray<Uint8Array>,
      offset = 0,
      caller = unrestricted,
      defaults = { tenant: "t", table: "" }
    ): ReadonlyArray<DecodedRecord> => {
      // Bytes of continuation stand around the records, so that reading beyond one is seen.
      const joined = Buffer.concat([Buffer.alloc(offset, 0xff), ...records, Buffer.alloc(16, 0xff)])
      const bytes = new Uint8Array(joined)
      const ranges: Array<number> = []
      let at = offset
      for (const record of records) {
        ranges.push(at, at + record.length)
        at += record.length
      }
      const decoded = decodeRecords(bytes, ranges, defaults, caller, catalog, decoders)
      const results: Array<DecodedRecord | undefined> = records.map(() => undefined)
      for (const error of decoded.errors) results[error.index] = { error }
      for (const target of decoded.targets) {
        const { batch } = target.decoder
        const { columns } = latest(target.table).schema
        if (batch.count !== target.recordIndexes.length)
          throw new Error(`${batch.count} rows of ${target.recordIndexes.length}`)
        target.recordIndexes.forEach((index, row) => {
          if (results[index] !== undefined) throw new Error(`record ${index} is accepted and refused`)
          results[index] = {
            row: {
              table: target.table.tenant === "t" ? target.table.name : `${target.table.tenant}/${target.table.name}`,
              key: Buffer.from(batch.keys.get(row)).toString(),
              cells: columns.map((column, i) => cellOfVector(column, batch.columns[i], row)),
              deleted: batch.hasDeleted && batch.deleted[row] === 1,
              timestamp: batch.timestamps.hasNulls && batch.timestamps.nulls[row] === 1
                ? null
                : String(batch.timestamps.get(row)),
              metadata: batch.metadata.hasNulls && batch.metadata.nulls[row] === 1
                ? null
                : Buffer.from(batch.metadata.get(row)).toString()
            }
          }
        })
        decoders.giveBack(target.decoder)
      }
      const accepted = results.filter((result) => result !== undefined && "row" in result).length
      if (accepted !== decoded.accepted) throw new Error(`${decoded.accepted} are counted as accepted, ${accepted} are`)
      return results.map((result, index) => {
        if (result === undefined) throw new Error(`record ${index} is neither accepted nor refused`)
        return result
      })
    }
  }
}
