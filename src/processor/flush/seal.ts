/** Which memtables are sealed before they are full. */
import type { EngineState } from "../../mvcc/engineState.ts"
import type { TableVersions } from "../../mvcc/tableVersions.ts"

const seal = (state: EngineState, table: TableVersions): void => {
  table.seal()
  state.sealedTables.add(table.table)
}

/** Seals the table that holds the most memory, where all of them together hold more than `bytesMax`. */
export const sealLargest = (state: EngineState, bytesMax: number): void => {
  if (state.bytes <= bytesMax) return
  let largest: TableVersions | undefined
  for (const table of state.tables.values()) {
    if (table.rowCount > 0 && (largest === undefined || table.usedBytes > largest.usedBytes)) largest = table
  }
  if (largest !== undefined) seal(state, largest)
}

/** Seals what holds rows committed before a time, in microseconds; says whether there was any. */
export const sealOld = (state: EngineState, time: number): boolean => {
  let found = false
  for (const table of state.tables.values()) {
    const first = table.memtables[0]
    if (first === undefined || first.count === 0 || state.commitTimes.timeOf(first.firstPosition) > time) continue
    seal(state, table)
    found = true
  }
  return found
}
