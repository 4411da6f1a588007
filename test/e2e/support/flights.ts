/** The three million flights of vega-datasets, and any number of them more: repeated with keys and times of their own. */
import { asyncBufferFromFile, parquetRead } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import * as path from "node:path"

/** The file. */
export const flightsFile = path.resolve(
  import.meta.dirname,
  "../../../node_modules/vega-datasets/data/flights-3m.parquet"
)

const columns = ["date", "delay", "distance", "origin", "destination"] as const

type Flights = Readonly<Record<(typeof columns)[number], ReadonlyArray<unknown>>>

/** The columns of the first `count` flights. */
const readFlights = async (count: number): Promise<Flights> => {
  const read: Record<string, Array<unknown>> = {}
  for (const column of columns) read[column] = []
  await parquetRead({
    file: await asyncBufferFromFile(flightsFile),
    compressors,
    columns: [...columns],
    rowEnd: count,
    onChunk: ({ columnData, columnName }) => {
      for (const value of columnData as ArrayLike<unknown> & Iterable<unknown>) read[columnName].push(value)
    }
  })
  return read as unknown as Flights
}

const flightsInFile = 3_000_000
const yearMillis = 366 * 24 * 60 * 60 * 1000

/** The key of flight `row`: no two alike, and in no order. */
const keyOf = (row: number): string => (Math.imul(row, 0x9e37_79b1) >>> 0).toString(16).padStart(8, "0")

/** So many flights as lines of NDJSON: those of the file, then the same ones a year later, and so on. */
export async function* flightLines(count: number): AsyncGenerator<string> {
  const flights = await readFlights(Math.min(count, flightsInFile))
  const { length } = flights.date
  for (let row = 0; row < count;) {
    let lines = ""
    for (const end = Math.min(count, row + 1000); row < end; row++) {
      const at = row % length
      const date = new Date((flights.date[at] as Date).getTime() + Math.floor(row / length) * yearMillis)
      lines += `{"id":"${keyOf(row)}","date":"${date.toISOString()}","delay":${flights.delay[at] as number},` +
        `"distance":${flights.distance[at] as number},"origin":"${flights.origin[at] as string}",` +
        `"destination":"${flights.destination[at] as string}"}\n`
    }
    yield lines
  }
}
