/**
 * Decoded pieces of segments that were read lately: pages, dictionaries, bloom filters, page indexes. Holds at most so
 * many bytes; what was used least lately goes first.
 *
 * A piece is loaded once, however many ask for it while it is. Whoever asked first loads it, and is not interrupted before
 * it is there: others may wait for it. A load that fails fails them too, and is forgotten: the next to ask loads anew.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** A piece in the cache. Pieces form a ring around the cache's own one, the newest next to it. */
interface Entry {
  readonly owner: object
  readonly piece: number
  readonly value: unknown
  readonly bytes: number
  older: Entry
  newer: Entry
}

/** A piece as it is loaded. */
export interface LoadedPiece<A> {
  readonly value: A
  /** Bytes of memory that it takes. */
  readonly bytes: number
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
  /** Loads that are under way. */
  private readonly loads = new Map<object, Map<number, Deferred.Deferred<unknown, unknown>>>()
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

  /** A piece of a file: the cache's, or that of a load that is under way, or else what `load` gives, which is kept. */
  load<A, E>(
    owner: object,
    piece: number,
    load: () => Effect.Effect<LoadedPiece<A>, E>
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const known = this.get(owner, piece)
      if (known !== undefined) return Effect.succeed(known as A)
      const running = this.loads.get(owner)?.get(piece)
      return running === undefined
        ? this.begin(owner, piece, load)
        : Deferred.await(running as Deferred.Deferred<A, E>)
    })
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

  /** Forgets all pieces of a file; those that are being loaded are not kept. */
  drop(owner: object): void {
    this.loads.delete(owner)
    const pieces = this.owners.get(owner)
    if (pieces !== undefined) { for (const entry of Array.from(pieces.values())) this.remove(entry) }
  }

  /** Loads a piece for all who ask for it meanwhile. */
  private begin<A, E>(
    owner: object,
    piece: number,
    load: () => Effect.Effect<LoadedPiece<A>, E>
  ): Effect.Effect<A, E> {
    const loaded = Deferred.makeUnsafe<A, E>()
    let loads = this.loads.get(owner)
    if (loads === undefined) this.loads.set(owner, loads = new Map())
    loads.set(piece, loaded as Deferred.Deferred<unknown, unknown>)
    return Effect.uninterruptible(Effect.flatMap(Effect.exit(Effect.suspend(load)), (exit) => {
      // Before anyone goes on: from here on the piece is in the cache, or to be loaded anew.
      if (loads.get(piece) === loaded) {
        loads.delete(piece)
        if (this.loads.get(owner) === loads) {
          if (loads.size === 0) this.loads.delete(owner)
          if (Exit.isSuccess(exit)) this.put(owner, piece, exit.value.value, exit.value.bytes)
        }
      }
      const result = Exit.map(exit, ({ value }) => value)
      Deferred.doneUnsafe(loaded, result)
      return result
    }))
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
