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

/** How long a receipt is kept, in microseconds of commit time: a day. */
export const receiptMicrosMax = 24 * 60 * 60 * 1_000_000

/** How many receipts are kept; the oldest go first. */
export const receiptsMax = 1_000_000

/** The key under which a tenant's receipt is kept. Tenant ids hold no NUL, so keys of two tenants never meet. */
export const receiptKey = (tenant: string, idempotencyKey: string): string => `${tenant}\0${idempotencyKey}`

export class Receipts {
  /** In the order of their commit. */
  private readonly byKey = new Map<string, Receipt>()

  get(tenant: string, idempotencyKey: string): Receipt | undefined {
    return this.byKey.get(receiptKey(tenant, idempotencyKey))
  }

  put(tenant: string, idempotencyKey: string, receipt: Receipt): void {
    this.byKey.set(receiptKey(tenant, idempotencyKey), receipt)
    const horizon = receipt.commitTime - receiptMicrosMax
    for (const [key, oldest] of this.byKey) {
      if (oldest.commitTime >= horizon && this.byKey.size <= receiptsMax) break
      this.byKey.delete(key)
    }
  }

  get size(): number {
    return this.byKey.size
  }
}
