/**
 * Marks: which rows of a segment a version outside of it supersedes, and from which position on.
 *
 * A segment never changes, so what became of its rows is kept here, in memory. Marks follow from the keys alone and can be
 * found again at any time. Older versions within the segment need none: they lie directly behind the newer one.
 */

const initialMarks = 64

export class Marks {
  /** Marked rows, ascending, once `sort` has been called. */
  private rows: Int32Array<ArrayBuffer> = new Int32Array(0)
  private positions: Float64Array<ArrayBuffer> = new Float64Array(0)
  private used = 0
  /** Marks [sorted, used) came since the last `sort`. */
  private sorted = 0

  /** Rows that are marked; a row marked twice since the last reading counts twice. */
  get count(): number {
    return this.used
  }

  get byteLength(): number {
    return this.rows.byteLength + this.positions.byteLength
  }

  /** Marks a row as superseded from a position on. Where it was already, the earlier position stays. */
  add(row: number, position: number): void {
    if (this.used === this.rows.length) {
      const capacity = Math.max(initialMarks, this.used * 2)
      const rows = new Int32Array(capacity)
      rows.set(this.rows)
      this.rows = rows
      const positions = new Float64Array(capacity)
      positions.set(this.positions)
      this.positions = positions
    }
    this.rows[this.used] = row
    this.positions[this.used++] = position
  }

  /** From which position on a row is superseded; Infinity where it is not. */
  of(row: number): number {
    this.sort()
    const at = this.firstAtOrAbove(row)
    return at < this.used && this.rows[at] === row ? this.positions[at] : Number.POSITIVE_INFINITY
  }

  /**
   * Takes out of rows[0, count) those that are superseded at a position. They ascend, and row r stands for row
   * `base + r` of the segment. Returns how many stay.
   */
  subtract(base: number, rows: Int32Array, count: number, position: number): number {
    if (this.used === 0 || count === 0) return count
    this.sort()
    const marked = this.rows
    let next = this.firstAtOrAbove(base + rows[0])
    const end = this.firstAtOrAbove(base + rows[count - 1] + 1)
    if (next === end) return count
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = base + rows[i]
      while (next < end && marked[next] < row) next++
      if (next < end && marked[next] === row && this.positions[next] <= position) continue
      rows[kept++] = rows[i]
    }
    return kept
  }

  /** All marks, ascending: views, good until the next `add`. */
  all(): { readonly rows: Int32Array<ArrayBuffer>; readonly positions: Float64Array<ArrayBuffer> } {
    this.sort()
    return { rows: this.rows.subarray(0, this.used), positions: this.positions.subarray(0, this.used) }
  }

  private firstAtOrAbove(row: number): number {
    let low = 0
    let high = this.used
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.rows[middle] < row) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Merges what came since into the sorted marks; of two for a row, the earlier position stays. */
  private sort(): void {
    if (this.sorted === this.used) return
    const { positions, rows, sorted, used } = this
    const added = Uint32Array.from({ length: used - sorted }, (_, i) => sorted + i)
    added.sort((left, right) => rows[left] - rows[right] || positions[left] - positions[right])
    const mergedRows = new Int32Array(Math.max(initialMarks, used))
    const mergedPositions = new Float64Array(mergedRows.length)
    let merged = 0
    let old = 0
    for (let next = 0; old < sorted || next < added.length;) {
      const fromOld = next === added.length || (old < sorted && rows[old] <= rows[added[next]])
      const at = fromOld ? old++ : added[next++]
      if (merged > 0 && mergedRows[merged - 1] === rows[at]) {
        mergedPositions[merged - 1] = Math.min(mergedPositions[merged - 1], positions[at])
        continue
      }
      mergedRows[merged] = rows[at]
      mergedPositions[merged++] = positions[at]
    }
    this.rows = mergedRows
    this.positions = mergedPositions
    this.used = merged
    this.sorted = merged
  }
}
