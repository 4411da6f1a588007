/** What a read has cost so far. */
export class ReadCost {
  /** Versions looked at. */
  scanned = 0
  /** Rows that the snapshot saw, whether they passed the filter or not. */
  seen = 0
  /** Rows that passed the filter. */
  found = 0
  /** Pages of segments that were read, from the file or from the cache. */
  pages = 0
  /** Numbers of the memtables that were looked into. */
  readonly memtables = new Set<number>()
  /** Names of the indexes that found pages. */
  readonly indexes = new Set<string>()
  /** Numbers of the segments that were looked into. */
  readonly segments = new Set<number>()
}
