/** Rows of a Parquet file, row group by row group. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  type AsyncBuffer,
  type Compressors,
  type DecodedArray,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
  type SchemaTree
} from "hyparquet"
import { compressors as otherCompressors } from "hyparquet-compressors"
import { open } from "node:fs/promises"
import * as zlib from "node:zlib"
import { parquetColumns } from "../../schema/inference/parquetSchema.ts"
import type { TableSchema } from "../../schema/types.ts"
import type { Value } from "../../schema/value.ts"
import { schemaEntry } from "../../segment/format.ts"
import { type CommandFailure, failure } from "../failure.ts"
import { fileSize } from "./ByteFeed.ts"
import { checkColumns } from "./fileColumns.ts"
import type { Input, RowBatch } from "./Input.ts"
import { makeReadParquetValue, parquetParsers, type ReadParquetValue } from "./parquetValue.ts"
import { absentValues, nullProblem } from "./rowProblem.ts"

/** Node's own codecs where it has them: they are native. */
const compressors: Compressors = {
  ...otherCompressors,
  ZSTD: (input) => zlib.zstdDecompressSync(input),
  GZIP: (input) => zlib.gunzipSync(input),
  BROTLI: (input) => zlib.brotliDecompressSync(input)
}

/** An open file and what its footer says. */
interface ParquetFile {
  readonly name: string
  readonly buffer: AsyncBuffer
  readonly metadata: FileMetaData
  readonly tree: SchemaTree
}

const attempt = <A>(name: string, run: () => Promise<A>): Effect.Effect<A, CommandFailure> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => failure(`${name}: not a readable Parquet file: ${(error as Error).message}`)
  })

/** The column of a schema's column, in the file: where its values are and how they are read. */
interface FileColumn {
  readonly name: string
  readonly read: ReadParquetValue
}

/** The values of one row group, by column. */
type GroupData = ReadonlyMap<string, DecodedArray>

const readGroup = Effect.fnUntraced(
  function*(file: ParquetFile, start: number, end: number): Effect.fn.Return<GroupData, CommandFailure> {
    const pieces = new Map<string, Array<DecodedArray>>()
    yield* attempt(file.name, () =>
      parquetRead({
        file: file.buffer,
        metadata: file.metadata,
        rowStart: start,
        rowEnd: end,
        compressors,
        parsers: parquetParsers,
        utf8: false,
        onChunk: ({ columnData, columnName }) => {
          const found = pieces.get(columnName)
          if (found === undefined) pieces.set(columnName, [columnData])
          else found.push(columnData)
        }
      }))
    const data = new Map<string, DecodedArray>()
    for (const [name, parts] of pieces) {
      data.set(name, parts.length === 1 ? parts[0] : parts.flatMap((part) => Array.from(part as ArrayLike<unknown>)))
    }
    return data
  }
)

/** A name as hyparquet reads it: its decoder takes a byte order mark off. */
const asRead = (name: string): string => name.startsWith("\ufeff") ? name.slice(1) : name

/** The names of the file's columns, as the schema has them where it knows them. */
const columnNames = ({ tree }: ParquetFile, schema: TableSchema): ReadonlyArray<string> =>
  tree.children.map(({ element: { name } }) =>
    schema.columns.find((column) => asRead(column.name) === name)?.name ?? name
  )

/** Rows as a schema's columns. */
class GroupReader {
  private readonly schema: TableSchema
  private readonly columns: ReadonlyArray<FileColumn | undefined>
  private readonly absent: ReadonlyArray<Value | undefined>

  constructor({ tree }: ParquetFile, schema: TableSchema) {
    this.schema = schema
    this.absent = absentValues(schema)
    this.columns = schema.columns.map((column) => {
      const child = tree.children.find(({ element }) => element.name === asRead(column.name))
      return child && { name: child.element.name, read: makeReadParquetValue(child, column) }
    })
  }

  /** The rows of a group, of which the first has the number `first` and the last one `end`. */
  batch(data: GroupData, first: number, end: number): RowBatch {
    const { absent, columns, schema } = this
    const arrays = columns.map((column) => column && data.get(column.name))
    return {
      count: end - first + 1,
      progress: (index) => first + index,
      line: (index) => first + index,
      text: (index) => rowText(data, index),
      read: (index, values) => {
        for (let i = 0; i < columns.length; i++) {
          const column = columns[i]
          const given: unknown = arrays[i]?.[index]
          if (column === undefined) {
            values[i] = absent[i] ?? null
          } else if (given === null || given === undefined) {
            if (!schema.columns[i].nullable) return nullProblem(schema.columns[i])
            values[i] = null
          } else {
            const read = column.read(given)
            if ("problem" in read) return read.problem
            values[i] = read.value
          }
        }
        return undefined
      }
    }
  }
}

const rowText = (data: GroupData, index: number): string =>
  JSON.stringify(
    Object.fromEntries([...data].map(([name, array]) => [name, (array[index] as unknown) ?? null])),
    (_, value: unknown) => typeof value === "bigint" ? String(value) : value
  )

/** The file's row groups by the numbers of their rows, from 0 and half open. */
const groupRanges = ({ metadata }: ParquetFile): ReadonlyArray<readonly [start: number, end: number]> => {
  let end = 0
  return metadata.row_groups.map((group) => [end, end += Number(group.num_rows)] as const)
}

/** Columns that statistics show to hold no null, although the schema would let them. */
const withoutNulls = ({ metadata }: ParquetFile): ReadonlySet<string> =>
  new Set(
    metadata.row_groups[0]?.columns
      .filter((_, i) =>
        metadata.row_groups.every((group) => {
          const { meta_data: chunk } = group.columns[i]
          return chunk?.path_in_schema.length === 1 && chunk.statistics?.null_count === 0n
        })
      )
      .flatMap(({ meta_data: chunk }) => chunk?.path_in_schema ?? [])
  )

/** Opens a Parquet file until the scope closes. */
export const openParquet = Effect.fnUntraced(function*(path: string, name: string) {
  const size = yield* fileSize(path)
  if (size === undefined) return yield* failure(`${path}: Parquet is read from its end, so it must be a file`)
  const handle = yield* Effect.acquireRelease(
    attempt(path, () => open(path, "r")),
    (handle) => Effect.promise(() => handle.close())
  )
  const buffer: AsyncBuffer = {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = new Uint8Array(end - start)
      let filled = 0
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled)
        if (bytesRead === 0) throw new Error("the file ends too early")
        filled += bytesRead
      }
      return bytes.buffer
    }
  }
  const metadata = yield* attempt(name, () => parquetMetadataAsync(buffer))
  const file: ParquetFile = { name, buffer, metadata, tree: parquetSchema(metadata) }
  const input: Input = {
    name,
    unit: "row",
    measure: "rows",
    total: Number(metadata.num_rows),
    schema: metadata.key_value_metadata?.find(({ key }) => key === schemaEntry)?.value,
    infer: Effect.sync(() => {
      const full = withoutNulls(file)
      return parquetColumns(file.tree).map((column) => full.has(column.name) ? { ...column, nullable: false } : column)
    }),
    rows: (schema) =>
      Stream.unwrap(Effect.gen(function*() {
        yield* checkColumns(name, columnNames(file, schema), schema)
        const reader = new GroupReader(file, schema)
        return Stream.mapEffect(
          Stream.fromIterable(groupRanges(file)),
          ([start, end]) => Effect.map(readGroup(file, start, end), (data) => reader.batch(data, start + 1, end))
        )
      }))
  }
  return input
})
