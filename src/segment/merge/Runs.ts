/** Rows as runs of neighbours, ascending: run i is [bounds[2 * i], bounds[2 * i + 1]). */

export class Runs {
  bounds = new Int32Array(64)
  /** Runs. */
  count = 0
  /** Rows of all runs. */
  rows = 0

  /** Adds a row behind those that are there. */
  add(row: number): void {
    this.rows++
    const end = 2 * this.count - 1
    if (end > 0 && this.bounds[end] === row) {
      this.bounds[end] = row + 1
      return
    }
    if (end + 2 >= this.bounds.length) {
      const bounds = new Int32Array(2 * this.bounds.length)
      bounds.set(this.bounds)
      this.bounds = bounds
    }
    this.bounds[end + 1] = row
    this.bounds[end + 2] = row + 1
    this.count++
  }

  clear(): void {
    this.count = 0
    this.rows = 0
  }
}
