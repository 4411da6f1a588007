/** What is still to be visited of a read: first what promises the first rows, where the read has an order. */
import type { CandidateOrder } from "./CandidateOrder.ts"
import type { Candidate } from "./Source.ts"

/** Candidates in the order in which they are visited. */
export class Candidates {
  private readonly order: CandidateOrder | undefined
  /** The next one last. */
  private readonly waiting: Array<Candidate>

  constructor(candidates: ReadonlyArray<Candidate>, order: CandidateOrder | undefined) {
    this.order = order
    this.waiting = []
    this.add(candidates)
  }

  /** Adds what a candidate came apart into, to be visited in its stead. */
  add(candidates: ReadonlyArray<Candidate>): void {
    for (let i = candidates.length - 1; i >= 0; i--) this.waiting.push(candidates[i])
    const { order } = this
    if (order !== undefined) this.waiting.sort((left, right) => order.compare(right, left))
  }

  /** The next one that may hold rows which are wanted; `undefined` at the end. */
  take(): Candidate | undefined {
    for (;;) {
      const candidate = this.waiting.pop()
      if (candidate === undefined || this.order === undefined || this.order.mayHold(candidate)) return candidate
    }
  }
}
