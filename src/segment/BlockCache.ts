/**
 * Decoded pieces of segments that were read lately: pages, dictionaries, bloom filters, page indexes. Holds at most so
 * many bytes; what was used least lately goes first.
 */

/** A piece in the cache. Pieces form a ring around the cache's own one, the newest next to it. */
interface Entry {
  readonly owner: object
  readonly piece: number
  readonly value: unknown
  readonly bytes: number
  older: Entry
  newer: Entry
}

/** What an entry costs beside its value. */
const entryBytes = 200

export class BlockCache {
  /** Most bytes held. */
  readonly capacityBytes: number
  /** Bytes held. */
  bytes = 0
  /** Lookups that found their piece, and that did not. */
  hits = 0
  misses = 0
  private readonly owners = new Map<object, Map<number, Entry>>()
  private readonly ring: Entry

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
    const ring: { older?: Entry; newer?: Entry } & Omit<Entry, "older" | "newer"> = {
      owner: this,
      piece: -1,
      value: undefined,
      bytes: 0
    }
    this.ring = Object.assign(ring, { older: ring as Entry, newer: ring as Entry })
  }

  /** Pieces held. */
  get size(): number {
    let size = 0
    for (const pieces of this.owners.values()) size += pieces.size
    return size
  }

  /** A piece of a file, which is now the newest; `undefined` where it is not there. */
  get(owner: object, piece: number): unknown {
    const entry = this.owners.get(owner)?.get(piece)
    if (entry === undefined) {
      this.misses++
      return undefined
    }
    this.hits++
    this.renew(entry)
    return entry.value
  }

  /** Makes a piece the newest, if it is there. */
  touch(owner: object, piece: number): void {
    const entry = this.owners.get(owner)?.get(piece)
    if (entry !== undefined) this.renew(entry)
  }

  /** Keeps a piece of `bytes` bytes, in place of one that is there already. One larger than the cache is not kept. */
  put(owner: object, piece: number, value: unknown, bytes: number): void {
    let pieces = this.owners.get(owner)
    const before = pieces?.get(piece)
    if (before !== undefined) this.remove(before)
    const cost = bytes + entryBytes
    if (cost > this.capacityBytes) return
    while (this.bytes + cost > this.capacityBytes) this.remove(this.ring.newer)
    pieces = this.owners.get(owner)
    if (pieces === undefined) this.owners.set(owner, pieces = new Map())
    const entry: Entry = { owner, piece, value, bytes: cost, older: this.ring, newer: this.ring }
    pieces.set(piece, entry)
    this.bytes += cost
    this.link(entry)
  }

  /** Forgets all pieces of a file. */
  drop(owner: object): void {
    const pieces = this.owners.get(owner)
    if (pieces !== undefined) { for (const entry of Array.from(pieces.values())) this.remove(entry) }
  }

  private renew(entry: Entry): void {
    unlink(entry)
    this.link(entry)
  }

  /** Puts an entry in the newest place. */
  private link(entry: Entry): void {
    const newest = this.ring.older
    entry.older = newest
    entry.newer = this.ring
    newest.newer = entry
    this.ring.older = entry
  }

  private remove(entry: Entry): void {
    unlink(entry)
    this.bytes -= entry.bytes
    const pieces = this.owners.get(entry.owner)!
    pieces.delete(entry.piece)
    if (pieces.size === 0) this.owners.delete(entry.owner)
  }
}

const unlink = (entry: Entry): void => {
  entry.older.newer = entry.newer
  entry.newer.older = entry.older
}
