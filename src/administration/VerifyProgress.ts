/** How far a verification is, in bytes: counted where they are read. */
import * as Effect from "effect/Effect"
import type { BlockFile, BlockStorageService } from "../storage/BlockStorage.ts"

export class VerifyProgress {
  /** What is being looked at, for people. */
  what = ""
  /** Bytes looked at, of so many. */
  bytes = 0
  total = 0
  /** What is read further belongs to what comes later, or was read before. */
  private limit = 0

  /** Something of so many bytes begins. */
  begin(what: string, bytes: number): void {
    this.bytes = this.limit
    this.what = what
    this.limit += bytes
  }

  /** All is done. */
  finish(): void {
    this.bytes = this.total
  }

  /** The storage, whose reads are counted. */
  watch(storage: BlockStorageService): BlockStorageService {
    const watched = (file: BlockFile): BlockFile => ({
      ...file,
      read: (offset, length) =>
        Effect.tap(file.read(offset, length), (bytes) =>
          Effect.sync(() => {
            this.bytes = Math.min(this.limit, this.bytes + bytes.length)
          }))
    })
    return { ...storage, open: (name, options) => Effect.map(storage.open(name, options), watched) }
  }
}
