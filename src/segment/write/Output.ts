/** The bytes of a file that is being made: gathered into large chunks, which can be written while more is made. */

const chunkBytes = 1024 * 1024

export class Output {
  private chunks: Array<Uint8Array<ArrayBuffer>> = []
  private chunk = new Uint8Array(chunkBytes)
  private used = 0
  /** Offset in the file of what is appended next. */
  offset = 0

  append(bytes: Uint8Array): void {
    this.offset += bytes.length
    let from = 0
    while (from < bytes.length) {
      if (this.used === chunkBytes) this.turn()
      const length = Math.min(bytes.length - from, chunkBytes - this.used)
      this.chunk.set(bytes.subarray(from, from + length), this.used)
      this.used += length
      from += length
    }
  }

  /** Hands out what was appended since the last call. The chunks are the caller's own. */
  take(): ReadonlyArray<Uint8Array<ArrayBuffer>> {
    const taken = this.chunks
    if (this.used > 0) taken.push(this.chunk.subarray(0, this.used))
    this.chunks = []
    this.chunk = new Uint8Array(chunkBytes)
    this.used = 0
    return taken
  }

  private turn(): void {
    this.chunks.push(this.chunk)
    this.chunk = new Uint8Array(chunkBytes)
    this.used = 0
  }
}
