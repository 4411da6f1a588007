/** Steps of a compaction, as they are done. */
import type { CompactionStep } from "../../transport/grpc/generated/varve/v1/admin_processor_pb.ts"
import type { Segment } from "../../transport/grpc/generated/varve/v1/admin_storage_pb.ts"
import { countOf, formatBytes, formatRate, formatSeconds } from "../output/numbers.ts"
import { bytesField, countField, type Field, textField } from "./tableRow.ts"

/** Files of a step, added up. */
const total = (segments: ReadonlyArray<Segment>, of: "bytes" | "rows"): number =>
  segments.reduce((sum, segment) => sum + Number(segment[of]), 0)

const levelsOf = ({ inputs }: CompactionStep): string =>
  [...new Set(inputs.map(({ level }) => level))].sort((left, right) => left - right).join(", ")

/** One line for a step that was done. */
export const describeStep = (step: CompactionStep): string => {
  const { elapsedMs, inputs, move, outputLevel, outputs, table, tenantId } = step
  const name = `${tenantId}/${table}`
  const files = countOf(inputs.length, "file")
  if (move) return `${name}  moved ${files} to level ${outputLevel}`
  const rows = total(inputs, "rows")
  return `${name}  merged ${files} of level ${levelsOf(step)} into ${outputs.length} of level ${outputLevel}: ${
    formatBytes(total(inputs, "bytes"))
  } to ${formatBytes(total(outputs, "bytes"))}, ` +
    `${countOf(rows, "row")} in ${formatSeconds(elapsedMs)} (${formatRate(rows / (elapsedMs / 1000))}/s)`
}

/** The columns of steps; those of a plan have no outputs yet. */
export const stepFields = (isPlan: boolean): ReadonlyArray<Field<CompactionStep>> => [
  textField("tenant", ({ tenantId }) => tenantId),
  textField("table", ({ table }) => table),
  textField("step", ({ move }) => move ? "move" : "merge"),
  textField("levels", levelsOf),
  countField("to_level", ({ outputLevel }) => outputLevel),
  countField("files", ({ inputs }) => inputs.length),
  countField("rows", ({ inputs }) => total(inputs, "rows")),
  bytesField("bytes", ({ inputs }) => total(inputs, "bytes")),
  ...(isPlan ? [] : [
    countField<CompactionStep>("files_after", ({ outputs }) => outputs.length),
    countField<CompactionStep>("rows_after", ({ outputs }) => total(outputs, "rows")),
    bytesField<CompactionStep>("bytes_after", ({ outputs }) => total(outputs, "bytes")),
    {
      name: "elapsed_ms",
      value: ({ elapsedMs }: CompactionStep) => Math.round(elapsedMs),
      text: ({ elapsedMs }: CompactionStep) => formatSeconds(elapsedMs)
    }
  ]),
  textField("reason", ({ reason }) => reason)
]
