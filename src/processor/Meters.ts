/** What the processor has done, in figures. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Position from "../base/position.ts"
import type { EngineState } from "../mvcc/engineState.ts"
import type { CompactionReport, FlushReport, IndexReport, ProcessorStatus } from "./Processor.ts"

const sum = (
  segments: ReadonlyArray<{ readonly bytes: number; readonly rows: number }>,
  of: "bytes" | "rows"
): number => segments.reduce((total, segment) => total + segment[of], 0)

/** A failure's own message; a defect with its trace. */
const messageOf = (cause: Cause.Cause<{ readonly message: string }>): string => {
  const failure = Cause.findErrorOption(cause)
  return Option.isSome(failure) ? failure.value.message : Cause.pretty(cause)
}

export class Meters {
  /** What runs now, for people. */
  readonly running = new Set<string>()
  private flushes = 0
  private rowsFlushed = 0
  private bytesFlushed = 0
  private flushMillis = 0
  private compactions = 0
  private rowsMerged = 0
  private bytesMergedIn = 0
  private bytesMergedOut = 0
  private compactionMillis = 0
  private segmentsRemoved = 0
  private indexesBuilt = 0
  private indexBytesBuilt = 0
  private indexMillis = 0
  private checkpoints = 0
  private checkpointPosition: Position.Position = Position.zero
  /** What failed at its last try, by its name. */
  private readonly failures = new Map<string, string>()

  flushed({ elapsedMillis, segment }: FlushReport): void {
    this.flushes++
    this.rowsFlushed += segment.rows
    this.bytesFlushed += segment.bytes
    this.flushMillis += elapsedMillis
  }

  compacted({ elapsedMillis, inputs, kind, outputs }: CompactionReport): void {
    this.compactions++
    this.compactionMillis += elapsedMillis
    if (kind === "move") return
    this.rowsMerged += sum(inputs, "rows")
    this.bytesMergedIn += sum(inputs, "bytes")
    this.bytesMergedOut += sum(outputs, "bytes")
    this.segmentsRemoved += inputs.length
  }

  indexed({ bytes, elapsedMillis }: IndexReport): void {
    this.indexesBuilt++
    this.indexBytesBuilt += bytes
    this.indexMillis += elapsedMillis
  }

  checkpointed(position: Position.Position): void {
    this.checkpoints++
    this.checkpointPosition = position
  }

  /** Something that ran has ended. */
  ended(name: string, exit: Exit.Exit<unknown, { readonly message: string }>): void {
    this.running.delete(name)
    if (Exit.isSuccess(exit)) this.failures.delete(name)
    else if (!Cause.hasInterruptsOnly(exit.cause)) this.failures.set(name, `${name}: ${messageOf(exit.cause)}`)
  }

  status(state: EngineState): ProcessorStatus {
    let sealedMemtables = 0
    for (const table of state.tables.values()) sealedMemtables += table.sealed.length
    return {
      flushes: this.flushes,
      rowsFlushed: this.rowsFlushed,
      bytesFlushed: this.bytesFlushed,
      flushMillis: this.flushMillis,
      compactions: this.compactions,
      rowsMerged: this.rowsMerged,
      bytesMergedIn: this.bytesMergedIn,
      bytesMergedOut: this.bytesMergedOut,
      compactionMillis: this.compactionMillis,
      segmentsRemoved: this.segmentsRemoved,
      indexesBuilt: this.indexesBuilt,
      indexBytesBuilt: this.indexBytesBuilt,
      indexMillis: this.indexMillis,
      checkpoints: this.checkpoints,
      checkpointPosition: this.checkpointPosition,
      sealedMemtables,
      running: [...this.running],
      lastFailure: [...this.failures.values()].at(-1) ?? ""
    }
  }
}
