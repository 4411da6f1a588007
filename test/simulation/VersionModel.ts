/** Every version of every key, as a plain map: what any read at any position must answer. */

import type { Position } from "../../src/base/position.ts"

/** A version of a key. */
export interface ModelVersion {
  readonly position: number
  /** `null` = a deletion. */
  readonly value: string | null
}

/** A batch whose outcome a crash has left open: all of its rows are there, from one position on, or none. */
export interface OpenBatch {
  readonly idempotencyKey: string
  readonly rows: ReadonlyArray<readonly [key: string, value: string | null]>
  /** Of its only row; absent = any. */
  readonly expectedVersion?: Position
}

export class VersionModel {
  /** Of each key, ascending positions. */
  private readonly versions = new Map<string, Array<ModelVersion>>()
  private sorted: ReadonlyArray<string> = []
  /** The newest position that was acknowledged. */
  position = 0

  /** Rows were committed at consecutive positions from `first` on. */
  write(first: number, rows: OpenBatch["rows"]): void {
    rows.forEach(([key, value], i) => {
      const versions = this.versions.get(key) ?? []
      this.versions.set(key, versions)
      versions.push({ position: first + i, value })
    })
    this.position = Math.max(this.position, first + rows.length - 1)
  }

  /** The version of a key that a snapshot sees, a deletion included. */
  at(key: string, position: number): ModelVersion | undefined {
    return this.versions.get(key)?.findLast((version) => version.position <= position)
  }

  /** All versions of a key up to a position, newest first. */
  history(key: string, position: number): ReadonlyArray<ModelVersion> {
    return (this.versions.get(key) ?? []).filter((version) => version.position <= position).reverse()
  }

  /** Keys with their values at a position, in the order of the keys' bytes. */
  rowsAt(position: number): ReadonlyArray<readonly [key: string, value: string]> {
    const rows: Array<readonly [string, string]> = []
    for (const key of this.keys) {
      const version = this.at(key, position)
      if (version !== undefined && version.value !== null) rows.push([key, version.value])
    }
    return rows
  }

  /** Sorted by their bytes. */
  get keys(): ReadonlyArray<string> {
    if (this.sorted.length < this.versions.size) {
      this.sorted = [...this.versions.keys()]
        .map((key) => ({ key, bytes: Buffer.from(key) }))
        .sort((left, right) => Buffer.compare(left.bytes, right.bytes))
        .map(({ key }) => key)
    }
    return this.sorted
  }
}
