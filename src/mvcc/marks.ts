/**
 * Marks: which rows of a segment a version outside of it supersedes, and from which position on.
 *
 * A segment never changes, so what became of its rows is kept here, in memory. Marks follow from the keys alone and can be
 * found again at any time. Older versions within the segment need none: they lie directly behind the newer one.
 *
 * Marks [0, sorted) ascend, each row once. New ones are put behind them as they come, and are merged in when somebody
 * reads: in place, and without moving anything that comes before the first of them. Those that come in order, as they do
 * from whoever goes through sorted keys, cost no sorting.
 */

const marksInitial = 64

/** Most new marks that are sorted at once: 2^31 rows, and their numbers, are whole numbers of a double. */
const newMax = 2 ** 21

/** Fewer marks than this are moved faster one by one. */
const fewMarks = 24

export class Marks {
  private rows: Int32Array<ArrayBuffer> = new Int32Array(0)
  private positions: Float64Array<ArrayBuffer> = new Float64Array(0)
  private used = 0
  private sorted = 0

  /** Rows that are marked. */
  get count(): number {
    this.sort()
    return this.used
  }

  /** Bytes of memory that the marks hold, room for more included. */
  get byteLength(): number {
    return this.rows.byteLength + this.positions.byteLength
  }

  /** Marks a row as superseded from a position on. Where it was already, the earlier position stays. */
  add(row: number, position: number): void {
    if (this.used === this.rows.length || this.used - this.sorted === newMax) this.makeRoom()
    this.rows[this.used] = row
    this.positions[this.used++] = position
  }

  /** From which position on a row is superseded; Infinity where it is not. */
  of(row: number): number {
    this.sort()
    const at = this.firstAtOrAbove(row, 0)
    return at < this.used && this.rows[at] === row ? this.positions[at] : Number.POSITIVE_INFINITY
  }

  /**
   * Takes out of rows[0, count) those that are superseded at a position. They ascend, and row r stands for row
   * `base + r` of the segment. Returns how many stay.
   */
  subtract(base: number, rows: Int32Array, count: number, position: number): number {
    if (this.used === 0 || count === 0) return count
    this.sort()
    const { positions, rows: marked } = this
    let next = this.firstAtOrAbove(base + rows[0], 0)
    const end = this.firstAtOrAbove(base + rows[count - 1] + 1, next)
    if (next === end) return count
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = base + rows[i]
      while (next < end && marked[next] < row) next++
      if (next < end && marked[next] === row && positions[next] <= position) continue
      rows[kept++] = rows[i]
    }
    return kept
  }

  /** All marks, ascending: views, good until the next `add`. */
  all(): { readonly rows: Int32Array<ArrayBuffer>; readonly positions: Float64Array<ArrayBuffer> } {
    this.sort()
    return { rows: this.rows.subarray(0, this.used), positions: this.positions.subarray(0, this.used) }
  }

  /** The first sorted mark, from `from` on, whose row is at or above `row`. */
  private firstAtOrAbove(row: number, from: number): number {
    let low = from
    let high = this.sorted
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.rows[middle] < row) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Grows, unless a quarter is free once rows that were marked again are counted once. */
  private makeRoom(): void {
    this.sort()
    const { length } = this.rows
    if (this.used <= length - (length >>> 2) && length > 0) return
    const capacity = Math.max(marksInitial, length + (length >>> 1))
    const rows = new Int32Array(capacity)
    rows.set(this.rows)
    this.rows = rows
    const positions = new Float64Array(capacity)
    positions.set(this.positions)
    this.positions = positions
  }

  /** Merges new marks into the sorted ones; of two for a row, the earlier position stays. */
  private sort(): void {
    const { positions, rows, sorted, used } = this
    if (sorted === used) return
    let ascend = 1
    while (sorted + ascend < used && rows[sorted + ascend] > rows[sorted + ascend - 1]) ascend++
    const inOrder = sorted + ascend === used
    if (inOrder && (sorted === 0 || rows[sorted] > rows[sorted - 1])) {
      this.sorted = used
      return
    }
    const added = inOrder
      ? { rows: rows.slice(sorted, used), positions: positions.slice(sorted, used), count: used - sorted }
      : sortedCopy(rows, positions, sorted, used)
    // Where each of them belongs; those whose row is marked already are done with.
    const places = new Int32Array(added.count)
    let fresh = 0
    let at = 0
    for (let i = 0; i < added.count; i++) {
      const row = added.rows[i]
      at = this.firstAtOrAbove(row, at)
      if (at < sorted && rows[at] === row) {
        positions[at] = Math.min(positions[at], added.positions[i])
        continue
      }
      places[fresh] = at
      added.rows[fresh] = row
      added.positions[fresh++] = added.positions[i]
    }
    // From the back: what lies between two places moves on by as many as come before it.
    let end = sorted
    for (let i = fresh - 1; i >= 0; i--) {
      const place = places[i]
      if (end - place < fewMarks) {
        for (let from = end - 1; from >= place; from--) {
          rows[from + i + 1] = rows[from]
          positions[from + i + 1] = positions[from]
        }
      } else {
        rows.copyWithin(place + i + 1, place, end)
        positions.copyWithin(place + i + 1, place, end)
      }
      rows[place + i] = added.rows[i]
      positions[place + i] = added.positions[i]
      end = place
    }
    this.used = this.sorted = sorted + fresh
  }
}

/** Marks [from, end) in the order of their rows, each row once with its earliest position. */
const sortedCopy = (
  rows: Int32Array,
  positions: Float64Array,
  from: number,
  end: number
): { readonly rows: Int32Array; readonly positions: Float64Array; readonly count: number } => {
  const numbers = new Float64Array(end - from)
  for (let i = 0; i < numbers.length; i++) numbers[i] = rows[from + i] * newMax + i
  numbers.sort()
  const sorted = { rows: new Int32Array(numbers.length), positions: new Float64Array(numbers.length), count: 0 }
  for (const number of numbers) {
    const row = Math.floor(number / newMax)
    const position = positions[from + number % newMax]
    const last = sorted.count - 1
    if (last >= 0 && sorted.rows[last] === row) {
      sorted.positions[last] = Math.min(sorted.positions[last], position)
      continue
    }
    sorted.rows[sorted.count] = row
    sorted.positions[sorted.count++] = position
  }
  return sorted
}
