/** `varve catalog stats` and `varve catalog validate`. */
import * as Effect from "effect/Effect"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import type {
  CatalogProblem,
  ColumnStatistics,
  LevelStatistics,
  TableStatistics
} from "../../transport/grpc/generated/varve/v1/admin_storage_pb.ts"
import { unary } from "../client/call.ts"
import { plainTimestamp } from "../client/records.ts"
import { CommandFailure } from "../failure.ts"
import { barOf, heightOf } from "../output/bar.ts"
import { countOf, formatBytes } from "../output/numbers.ts"
import { write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { open, requestOf, type Tables } from "./compaction.ts"
import { bytesField, countField, type Field, printFields, textField } from "./tableRow.ts"

const barWidth = 16
const levelBarWidth = 32

/** `L0 ▂ L1 █`: each level with how much of the table's bytes it holds. */
const pictureOf = ({ bytes, levels }: TableStatistics): string =>
  levels.map((level) => `L${level.level} ${heightOf(Number(level.bytes) / Math.max(1, Number(bytes)))}`).join(" ")

const ratioOf = ({ bytes, plainBytes }: TableStatistics): number =>
  bytes === 0n ? 0 : Math.round(10 * Number(plainBytes) / Number(bytes)) / 10

const tableFields = (largest: number): ReadonlyArray<Field<TableStatistics>> => [
  textField("tenant", ({ tenantId }) => tenantId),
  textField("table", ({ table }) => table),
  countField("rows", ({ rows }) => Number(rows)),
  countField("rows_in_memory", ({ rowsInMemory }) => Number(rowsInMemory)),
  countField("segments", ({ segments }) => segments),
  bytesField("bytes", ({ bytes }) => Number(bytes)),
  {
    name: "size",
    value: ({ bytes }) => barOf(Number(bytes) / Math.max(1, largest), barWidth),
    isNumber: false,
    only: "table"
  },
  { name: "compression", value: ratioOf, text: (statistics) => `${ratioOf(statistics)}x` },
  { name: "levels", value: pictureOf, isNumber: false, only: "table" },
  { ...countField<TableStatistics>("levels", ({ levels }) => levels.length), only: "data" },
  { ...bytesField<TableStatistics>("plain_bytes", ({ plainBytes }) => Number(plainBytes)), only: "data" },
  { ...bytesField<TableStatistics>("bytes_in_memory", ({ bytesInMemory }) => Number(bytesInMemory)), only: "data" },
  { ...countField<TableStatistics>("memtables", ({ memtables }) => memtables), only: "data" },
  countField("superseded", ({ superseded }) => Number(superseded)),
  countField("deletions", ({ deletions }) => Number(deletions)),
  {
    ...countField<TableStatistics>("flushed_position", ({ flushedPosition }) => Number(flushedPosition)),
    only: "data"
  },
  { ...countField<TableStatistics>("history_horizon", ({ historyHorizon }) => Number(historyHorizon)), only: "data" },
  { ...textField<TableStatistics>("first_time", ({ firstTime }) => plainTimestamp(firstTime)), only: "data" },
  { ...textField<TableStatistics>("last_time", ({ lastTime }) => plainTimestamp(lastTime)), only: "data" }
]

/** A column with its table. */
interface TableColumn {
  readonly table: TableStatistics
  readonly column: ColumnStatistics
}

const columnFields = (largest: number): ReadonlyArray<Field<TableColumn>> => [
  textField("tenant", ({ table }) => table.tenantId),
  textField("table", ({ table }) => table.table),
  textField("column", ({ column }) => column.name),
  textField("type", ({ column }) => column.type),
  countField("nulls", ({ column }) => Number(column.nulls)),
  {
    name: "distinct",
    value: ({ column }) => column.distinct === undefined ? null : Number(column.distinct),
    text: ({ column }) => column.distinct === undefined ? "" : `~${Number(column.distinct).toLocaleString("en-US")}`
  },
  textField("min", ({ column }) => column.min ?? null),
  textField("max", ({ column }) => column.max ?? null),
  bytesField("bytes", ({ column }) => Number(column.bytes)),
  {
    name: "size",
    value: ({ column }) => barOf(Number(column.bytes) / Math.max(1, largest), barWidth),
    isNumber: false,
    only: "table"
  }
]

/** The levels of one table, a line each. */
const levelPicture = (levels: ReadonlyArray<LevelStatistics>): string => {
  const largest = Math.max(1, ...levels.map(({ bytes }) => Number(bytes)))
  return levels.map(({ bytes, level, rows, segments }) =>
    `level ${level}  ${barOf(Number(bytes) / largest, levelBarWidth).padEnd(levelBarWidth)}  ${
      formatBytes(Number(bytes)).padStart(9)
    }  ${countOf(segments, "file")}, ${countOf(Number(rows), "row")}\n`
  ).join("")
}

/** Prints what the catalog knows of tables, or of their columns. */
export const runStatistics = (
  settings: Settings,
  request: Tables & { readonly columns: boolean }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { tables } = yield* unary(yield* open(settings), AdminService.method.getStatistics, {
      ...requestOf(request),
      columns: request.columns
    })
    const isTable = settings.format === "table"
    if (tables.length === 0 && isTable) return yield* write("there are no tables\n")
    if (request.columns) {
      const columns = tables.flatMap((table) => table.columns.map((column) => ({ table, column })))
      const largest = Math.max(...columns.map(({ column }) => Number(column.bytes)))
      return yield* printFields(settings, columnFields(largest), columns)
    }
    yield* printFields(settings, tableFields(Math.max(...tables.map(({ bytes }) => Number(bytes)))), tables)
    if (isTable && tables.length === 1 && tables[0].levels.length > 0) {
      yield* write(`\n${levelPicture(tables[0].levels)}`)
    }
  }).pipe(Effect.scoped)

const problemFields: ReadonlyArray<Field<CatalogProblem>> = [
  textField("tenant", ({ tenantId }) => tenantId),
  textField("table", ({ table }) => table),
  textField("file", ({ file }) => file),
  textField("problem", ({ problem }) => problem)
]

/** Holds the catalog of the running server against itself and its files. Fails where anything is wrong. */
export const runValidate = (
  settings: Settings,
  { tenant }: Pick<Tables, "tenant">
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const report = yield* unary(yield* open(settings), AdminService.method.validateCatalog, { tenantId: tenant ?? "" })
    const { problems, segments, tables, unnamedFiles } = report
    if (problems.length > 0 || settings.format !== "table") yield* printFields(settings, problemFields, problems)
    if (problems.length > 0) {
      return yield* new CommandFailure({
        message: `the catalog is wrong in ${countOf(problems.length, "place")}; stop the server and run ` +
          "`varve verify`, which looks at every byte",
        exitCode: 1,
        reason: "DAMAGED"
      })
    }
    if (settings.format !== "table") return
    const unnamed = unnamedFiles === 0
      ? ""
      : `; ${countOf(unnamedFiles, "file")} that no table names: in use, or removed at the next start`
    yield* write(
      `the catalog is consistent: ${countOf(tables, "table")}, ${countOf(segments, "segment")}, ${
        formatBytes(Number(report.bytes))
      }${unnamed}\n`
    )
  }).pipe(Effect.scoped)
