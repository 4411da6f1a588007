/**
 * The inspection service: what lies where. It reads the catalog, memory and files, and changes nothing.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import type { Table } from "../catalog/state.ts"
import type { SegmentEntry, TableSettings } from "../event/Event.ts"
import type { AdministrationError, Selection } from "./Administration.ts"

/** One level of a table. */
export interface LevelStatistics {
  readonly level: number
  readonly segments: number
  readonly rows: number
  readonly bytes: number
}

/** One column of a table over all its segments, superseded versions included. */
export interface ColumnStatistics {
  readonly name: string
  /** As people write it. */
  readonly type: string
  readonly nulls: number
  /** About; `undefined` where nothing is known. */
  readonly distinct: number | undefined
  /** No value is below it, as text. */
  readonly min: string | undefined
  readonly max: string | undefined
  /** In the files. */
  readonly bytes: number
}

/** What is known of a table without reading it. */
export interface TableStatistics {
  readonly tenant: string
  readonly table: string
  readonly segments: number
  /** Versions in segments. */
  readonly rows: number
  readonly bytes: number
  readonly plainBytes: number
  readonly deletions: number
  /** Versions in segments that are known to be superseded. */
  readonly superseded: number
  readonly rowsInMemory: number
  /** That they hold. */
  readonly bytesInMemory: number
  readonly memtables: number
  /** Level 0 first; without those that are empty. */
  readonly levels: ReadonlyArray<LevelStatistics>
  /** Of the latest schema version; empty unless asked for. */
  readonly columns: ReadonlyArray<ColumnStatistics>
  readonly horizon: Position
  readonly flushedThrough: Position
  /** Commit times in segments, microseconds since 1970; `undefined` where there are none. */
  readonly firstTime: number | undefined
  readonly lastTime: number | undefined
}

/** Something of the catalog that contradicts itself or the files. */
export interface CatalogProblem {
  readonly tenant: string
  readonly table: string
  /** Empty where no file is to blame. */
  readonly file: string
  readonly problem: string
}

/** What a look at the catalog and all files has come to. */
export interface CatalogReport {
  readonly tables: number
  readonly segments: number
  readonly bytes: number
  readonly problems: ReadonlyArray<CatalogProblem>
  /** Files of segments that no table names: being written, being read still, or left by a crash. */
  readonly unnamedFiles: number
}

/** Where a version lies. */
export type VersionPlace =
  | {
    readonly kind: "memtable"
    /** 0 = the table's oldest. */
    readonly memtable: number
    readonly row: number
  }
  | {
    readonly kind: "segment"
    readonly name: string
    readonly level: number
    readonly rowGroup: number
    /** Page and row within the row group. */
    readonly page: number
    readonly row: number
  }

/** One version of a key. */
export interface KeyVersion {
  readonly position: Position
  /** Microseconds since 1970. */
  readonly commitTime: number
  readonly deleted: boolean
  /** The position of the next version; `undefined` for the newest. */
  readonly supersededBy: Position | undefined
  readonly schemaVersion: number
  readonly place: VersionPlace
}

/** The versions of a key. */
export interface KeyInspection {
  /** Newest first. */
  readonly versions: ReadonlyArray<KeyVersion>
  /** Where they were looked at. */
  readonly position: Position
  /** Whether there are older ones than those told. */
  readonly truncated: boolean
}

/** What of a table a merge of everything could let go. */
export interface Garbage {
  readonly tenant: string
  readonly table: string
  /** Versions looked at. */
  readonly versions: number
  /** Superseded for longer than history is kept. */
  readonly superseded: number
  /** Deletions that nothing older is left below. */
  readonly deletions: number
  /** Current records past their time to live. */
  readonly expired: number
  /** About what all that takes in files, as far as history lets it go. */
  readonly bytes: number
  readonly tableBytes: number
  /** What would go too were nobody reading at an older position. */
  readonly heldByReaders: number
}

/** What bytes are for. */
export type UsageKind = "segments" | "indexes" | "log" | "archive" | "checkpoints" | "unnamed" | "memory" | "cache"

/** Bytes of a kind. */
export interface Usage {
  /** Both empty for what all tenants share. */
  readonly tenant: string
  readonly table: string
  readonly kind: UsageKind
  readonly bytes: number
  readonly files: number
}

/** A table's segment. */
export interface SegmentInfo {
  readonly table: Table
  readonly segment: SegmentEntry
}

export interface InspectionService {
  /** By table, those of a table from the oldest to the newest. */
  readonly segments: (
    selection: Selection,
    caller: Caller
  ) => Effect.Effect<ReadonlyArray<SegmentInfo>, AdministrationError>
  readonly statistics: (
    request: Selection & { readonly columns: boolean },
    caller: Caller
  ) => Effect.Effect<ReadonlyArray<TableStatistics>, AdministrationError>
  /** Holds the catalog against itself and the files, whose footers are read. */
  readonly validate: (
    selection: Selection,
    caller: Caller
  ) => Effect.Effect<CatalogReport, AdministrationError>
  /** Fails with KEY_NOT_FOUND where there is no version of the key. */
  readonly inspectKey: (
    request: { readonly tenant: string; readonly table: string; readonly key: string; readonly limit: number },
    caller: Caller
  ) => Effect.Effect<KeyInspection, AdministrationError>
  /** Looks at every version's key and position. `undefined` = as the table is configured. */
  readonly garbage: (
    request: {
      readonly tenant: string
      readonly table: string
      readonly history: TableSettings["history"] | undefined
      readonly ttlMicros: TableSettings["ttlMicros"] | undefined
    },
    caller: Caller
  ) => Effect.Effect<Garbage, AdministrationError>
  /** Of the tables and, where no tenant is named or fixed, of what all tenants share. */
  readonly usage: (
    request: { readonly tenant: string | undefined },
    caller: Caller
  ) => Effect.Effect<ReadonlyArray<Usage>, AdministrationError>
}

/** What lies where. */
export class Inspection extends Context.Service<Inspection, InspectionService>()(
  "varve/administration/Inspection"
) {}
