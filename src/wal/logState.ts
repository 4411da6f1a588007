/** What a log's writer and readers share. Changed by the writer only, and never while it waits for the storage. */
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { FileHeader } from "./format.ts"
import type { WalError } from "./Wal.ts"

/** Wakes all who wait for something to change. */
export class Signal {
  #latch = Latch.makeUnsafe(false)

  /** Take it before looking at what may have changed, then await it: no change can be missed between. */
  get next(): Effect.Effect<void> {
    return this.#latch.await
  }

  /** Wakes those who took `next` until now. */
  notify(): void {
    const latch = this.#latch
    this.#latch = Latch.makeUnsafe(false)
    latch.openUnsafe()
  }
}

/** Bytes of log between two entries of a file's index, at least. */
const indexEveryBytes = 1024 * 1024

/** A log file and what of it can be read. */
export class LogFile {
  readonly ordinal: number
  readonly name: string
  /** As the user knows it. */
  readonly path: string
  /** Position of its first frame, whether or not there is one yet. */
  readonly firstPosition: number
  /** The newest commit time in the files before, in microseconds. */
  readonly commitTimeBefore: number
  /** Where the frames end that readers may see. */
  end: number
  /** Positions of some frames, increasing, and where these begin: readers start near the position they look for. */
  readonly #positions: Array<number> = []
  readonly #offsets: Array<number> = []

  /** `header` says what it says in the file; frames begin at `start`. */
  constructor(name: string, path: string, header: FileHeader, start: number, end: number) {
    this.ordinal = header.ordinal
    this.name = name
    this.path = path
    this.firstPosition = header.firstPosition
    this.commitTimeBefore = header.commitTime
    this.end = end
    this.#positions.push(header.firstPosition)
    this.#offsets.push(start)
  }

  /** Notes that the frame of `position` begins at `offset`, unless one near before it is noted. */
  note(position: number, offset: number): void {
    if (offset - this.#offsets[this.#offsets.length - 1] < indexEveryBytes) return
    this.#positions.push(position)
    this.#offsets.push(offset)
  }

  /** The last noted frame that begins at or before `position`. */
  seek(position: number): { readonly position: number; readonly offset: number } {
    let low = 0
    let high = this.#positions.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#positions[middle] <= position) low = middle
      else high = middle - 1
    }
    return { position: this.#positions[low], offset: this.#offsets[low] }
  }
}

/** The state of an open log. */
export interface LogState {
  readonly logId: Uint8Array
  /** What each frame's checksum begins with. */
  readonly seed: number
  /** Oldest first, never empty; the last is the one that is written. Ordinals have no gap. */
  readonly files: Array<LogFile>
  /** The last position that readers may see. */
  writtenPosition: number
  /** The last position that is known to be synced. */
  durablePosition: number
  lastCommitTime: number
  /** Why nothing can be appended any more. */
  poisoned: WalError | undefined
  closed: boolean
  /** Notified when readers may see more, and at the close. */
  readonly changed: Signal
}
