/** Makes the query service over the catalog and the versions in memory. */
import * as Effect from "effect/Effect"
import { Catalog } from "../catalog/Catalog.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { aggregate } from "./aggregate/runAggregate.ts"
import { timed } from "./drain.ts"
import { explain } from "./explain.ts"
import type { QueryService } from "./Query.ts"
import { readHistory, readRecord, readRecords } from "./readKeys.ts"
import { readPage } from "./readPage.ts"
import { readStream } from "./readStream.ts"
import type { Foundation } from "./tableView.ts"

/** Reads hold nothing between requests, so the service needs no scope. */
export const makeQuery: Effect.Effect<QueryService, never, Catalog | Mvcc> = Effect.gen(function*() {
  const foundation: Foundation = { catalog: yield* Catalog, mvcc: yield* Mvcc }
  return {
    getRecord: (request, caller) => timed((elapsedMillis) => readRecord(foundation, request, caller, elapsedMillis)),
    getRecords: (request, caller) => timed((elapsedMillis) => readRecords(foundation, request, caller, elapsedMillis)),
    getHistory: (request, caller) => timed((elapsedMillis) => readHistory(foundation, request, caller, elapsedMillis)),
    query: (request, caller) => readPage(foundation, request, caller),
    queryStream: (request, caller) => readStream(foundation, request, caller),
    aggregate: (request, caller) => aggregate(foundation, request, caller),
    explain: (request, caller) => explain(foundation, request, caller)
  }
})
