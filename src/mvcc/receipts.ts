/**
 * Receipts of writes that carried an idempotency key: what makes a retry harmless. They are part of the fold, so they
 * survive a restart, and they are dropped by the log's own time, so every node drops the same ones.
 */
import type { Position } from "../base/position.ts"

/** What was committed under an idempotency key. */
export interface Receipt {
  readonly firstPosition: Position
  readonly lastPosition: Position
  /** Microseconds since 1970. */
  readonly commitTime: number
  /** SHA-256 of the rows: a retry must bring the same ones. */
  readonly contentHash: Uint8Array
}

/** A receipt with what it is kept under; see `receiptKey`. */
export interface KeptReceipt extends Receipt {
  readonly key: string
}

/** How long a receipt is kept, in microseconds of commit time: a day. */
export const receiptMicrosMax = 24 * 60 * 60 * 1_000_000

/** How many receipts are kept; the oldest go first. */
export const receiptsMax = 1_000_000

/** The key under which a tenant's receipt is kept. Tenant ids hold no NUL, so keys of two tenants never meet. */
export const receiptKey = (tenant: string, idempotencyKey: string): string => `${tenant}\0${idempotencyKey}`

/** Receipts of a run; all runs but the newest have as many. */
const runReceipts = 4096

export class Receipts {
  private readonly byKey = new Map<string, KeptReceipt>()
  /** All of them in the order of their commit, in runs to whose end alone anything is added. */
  private readonly runs: Array<Array<KeptReceipt>> = []
  /** How many of the first run are gone. */
  private gone = 0

  get(tenant: string, idempotencyKey: string): Receipt | undefined {
    return this.byKey.get(receiptKey(tenant, idempotencyKey))
  }

  put(tenant: string, idempotencyKey: string, receipt: Receipt): void {
    this.keep({ ...receipt, key: receiptKey(tenant, idempotencyKey) })
  }

  /** Adds a receipt, which is newer than all others, and drops those that are too old or too many. */
  keep(receipt: KeptReceipt): void {
    this.byKey.set(receipt.key, receipt)
    const newest = this.runs.at(-1)
    if (newest === undefined || newest.length === runReceipts) this.runs.push([receipt])
    else newest.push(receipt)
    const horizon = receipt.commitTime - receiptMicrosMax
    for (;;) {
      const oldest = this.runs[0][this.gone]
      if (oldest.commitTime >= horizon && this.byKey.size <= receiptsMax) break
      if (this.byKey.get(oldest.key) === oldest) this.byKey.delete(oldest.key)
      this.gone++
      if (this.gone < runReceipts) continue
      this.runs.shift()
      this.gone = 0
    }
  }

  /**
   * All receipts as they are now, oldest first, in runs of up to 4,096: what comes later does not change them. Of a
   * million receipts it copies 250 references to runs, and two runs: about 20 us.
   */
  runsNow(): ReadonlyArray<ReadonlyArray<KeptReceipt>> {
    return this.runs.map((run, i) => i > 0 && i < this.runs.length - 1 ? run : run.slice(i === 0 ? this.gone : 0))
  }

  get size(): number {
    return this.byKey.size
  }
}
