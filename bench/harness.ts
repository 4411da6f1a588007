/** Measuring: warm-up, several runs, the median and the spread. */
import { execFileSync } from "node:child_process"
import * as os from "node:os"

/** What one benchmark came to. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
  /** Anything else worth saying, such as latencies. */
  readonly note: string
}

/** The value that a share of the sorted values stays below. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** Runs once for warming up, then `runs` times; `run` returns the run's figure and a note. */
export const measure = async (
  name: string,
  unit: string,
  runs: number,
  run: () => Promise<{ readonly value: number; readonly note?: string }>
): Promise<Figure> => {
  await run()
  const values: Array<number> = []
  let note = ""
  for (let i = 0; i < runs; i++) {
    const result = await run()
    values.push(result.value)
    note = result.note ?? ""
  }
  return {
    name,
    unit,
    median: quantile(values, 0.5),
    min: Math.min(...values),
    max: Math.max(...values),
    runs,
    note
  }
}

const digits = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 1 : 3)

/** A figure as a line of the report. */
export const formatFigure = ({ max, median, min, name, note, runs, unit }: Figure): string =>
  `${name.padEnd(46)} ${digits(median).padStart(11)} ${unit.padEnd(10)} ` +
  `(${digits(min)} to ${digits(max)}, ${runs} runs)${note === "" ? "" : `  ${note}`}`

/** What the figures were measured on. */
export const describeMachine = (): string => {
  const cpu = os.cpus()[0]?.model.trim() ?? "unknown processor"
  const commit = ((): string => {
    try {
      return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()
    } catch {
      return "no commit"
    }
  })()
  return `${os.availableParallelism()} cores of ${cpu}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ` +
    `${os.platform()} ${os.release()}, node ${process.versions.node}, ${commit}`
}
