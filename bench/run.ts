/**
 * The engine's own benchmarks: `npm run bench`, or `npm run bench -- --quick` for seconds instead of minutes.
 * `--json FILE` keeps the figures.
 */
import * as fs from "node:fs/promises"
import { parseArgs } from "node:util"
import { describeMachine, type Figure, formatFigure } from "./harness.ts"
import { benchIngest } from "./ingest.ts"
import { benchReads } from "./reads.ts"
import { type Server, startServer } from "./server.ts"

const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "string" } }
})

const suites: ReadonlyArray<(server: Server) => Promise<ReadonlyArray<Figure>>> = values.quick
  ? [
    (server) => benchIngest(server, { batches: 20, batchRows: 1000, inFlight: 16, runs: 1 }),
    (server) => benchReads(server, { rows: 10_000, requests: 1000, runs: 1 })
  ]
  : [
    (server) => benchIngest(server, { batches: 400, batchRows: 1000, inFlight: 16, runs: 5 }),
    (server) => benchReads(server, { rows: 100_000, requests: 10_000, runs: 3 })
  ]

console.log(`${describeMachine()}; client and server share them\n`)
const figures: Array<Figure> = []
for (const suite of suites) {
  const server = await startServer()
  try {
    for (const figure of await suite(server)) {
      figures.push(figure)
      console.log(formatFigure(figure))
    }
  } finally {
    await server.stop()
  }
}
if (values.json !== undefined) {
  await fs.writeFile(values.json, `${JSON.stringify({ machine: describeMachine(), figures }, null, 2)}\n`)
}
