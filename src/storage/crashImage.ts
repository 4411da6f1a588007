/**
 * What a disk may hold after a loss of power. Writes that were not synced are on it, are not, or are torn, each block
 * and each 512-byte sector by itself; names that were not synced likewise.
 */

/** Unit in which a file remembers what it was at its last sync. */
const blockBytes = 4096

const empty = new Uint8Array(0)

/** What a disk writes whole or not at all. */
const sectorBytes = 512

/** Gives the next number in [0, 1). */
export type Dice = () => number

/** The same numbers for the same seed (mulberry32). */
export const seededDice = (seed: number): Dice => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** How a crash treats what was not synced: a third of the crashes each lose all, keep all, or throw dice. */
const survival = (dice: Dice): () => boolean => {
  const mood = dice()
  if (mood < 1 / 3) return () => false
  if (mood < 2 / 3) return () => true
  return () => dice() < 0.5
}

/** Most former states that are remembered of one thing between two syncs: the synced one and the latest. */
const statesMax = 4

/** Adds the state that something had until now; the first, which was synced, is always kept. */
const remember = <A>(states: Array<A>, state: A): void => {
  if (states.length === statesMax) states.splice(1, 1)
  states.push(state)
}

/**
 * The content of a file, and what of it a crash may undo: a disk may write what was not synced at any time, so that
 * after a crash each sector may be in any state that it had since the last sync.
 */
export class CrashableBytes {
  /** The file's bytes; those from `size` on are zeros. */
  bytes = new Uint8Array(0)
  size = 0
  /** The sizes that it had since the last sync, that one first. */
  #sizes: Array<number> = []
  /** What each block that was changed since the last sync held before the changes, oldest first. */
  readonly #blocks = new Map<number, Array<Uint8Array>>()

  #beforeChange(start: number, end: number): void {
    remember(this.#sizes, this.size)
    for (let block = Math.floor(start / blockBytes); block * blockBytes < end; block++) {
      const states = this.#blocks.get(block)
      // Nothing to remember of a block behind the end: it is zeros.
      const isBehind = block * blockBytes >= this.size
      const state = isBehind ? empty : this.bytes.slice(block * blockBytes, (block + 1) * blockBytes)
      if (states === undefined) this.#blocks.set(block, [state])
      else remember(states, state)
    }
  }

  write(offset: number, chunk: Uint8Array): void {
    const end = offset + chunk.length
    this.#beforeChange(offset, end)
    if (end > this.bytes.length) {
      const larger = new Uint8Array(
        Math.max(end, Math.min(this.bytes.length * 2, this.bytes.length + 64 * 1024 * 1024))
      )
      larger.set(this.bytes)
      this.bytes = larger
    }
    this.bytes.set(chunk, offset)
    if (end > this.size) this.size = end
  }

  truncate(size: number): void {
    if (size > this.size) return this.write(this.size, new Uint8Array(size - this.size))
    this.#beforeChange(size, this.size)
    this.bytes.fill(0, size, this.size)
    this.size = size
  }

  sync(): void {
    this.#blocks.clear()
    this.#sizes = []
  }

  /** A file as this one may be found after a crash; all of it is synced. */
  crash(dice: Dice): CrashableBytes {
    const survives = survival(dice)
    const former = <A>(states: ReadonlyArray<A>): A =>
      dice() < 0.5 ? states[0] : states[Math.floor(dice() * states.length)]
    const found = new CrashableBytes()
    found.size = this.#sizes.length === 0 || survives() ? this.size : former(this.#sizes)
    // A file may also have grown by a part only.
    const least = Math.min(this.size, ...this.#sizes)
    if (dice() < 0.2) found.size = Math.floor(least + (found.size - least) * dice())
    found.bytes = new Uint8Array(Math.max(found.size, this.bytes.length))
    found.bytes.set(this.bytes)
    for (const [block, states] of this.#blocks) {
      const isTorn = dice() < 0.3
      const isKept = survives()
      const state = former(states)
      for (let at = 0; at < blockBytes; at += sectorBytes) {
        const start = block * blockBytes + at
        if (start >= found.bytes.length) break
        if (isTorn ? survives() : isKept) continue
        found.bytes.fill(0, start, start + sectorBytes)
        found.bytes.set((isTorn ? former(states) : state).subarray(at, at + sectorBytes), start)
      }
    }
    found.bytes.fill(0, found.size)
    return found
  }
}

/** A change to the names of a storage that was not synced yet. */
type NameChange =
  | { readonly kind: "link"; readonly name: string; readonly file: CrashableBytes }
  | { readonly kind: "unlink"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly name: string; readonly file: CrashableBytes }

const apply = (names: Map<string, CrashableBytes>, change: NameChange): void => {
  if (change.kind === "unlink") {
    names.delete(change.name)
    return
  }
  if (change.kind === "rename") names.delete(change.from)
  names.set(change.name, change.file)
}

const folderOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf("/")))

/** The names of a storage, and what of them a crash may undo. */
export class CrashableNames {
  readonly present = new Map<string, CrashableBytes>()
  #synced = new Map<string, CrashableBytes>()
  #pending: Array<NameChange> = []

  change(change: NameChange): void {
    apply(this.present, change)
    this.#pending.push(change)
  }

  sync(folder: string): void {
    this.#pending = this.#pending.filter((change) => {
      if (folderOf(change.name) !== folder) return true
      apply(this.#synced, change)
      return false
    })
  }

  /** Names and files as they may be found after a crash; all of it is synced. */
  crash(dice: Dice): CrashableNames {
    const survives = survival(dice)
    const names = new Map(this.#synced)
    for (const change of this.#pending) {
      if (survives()) apply(names, change)
    }
    const found = new CrashableNames()
    for (const [name, file] of names) found.present.set(name, file.crash(dice))
    found.#synced = new Map(found.present)
    return found
  }
}
