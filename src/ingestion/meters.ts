/** What ingestion counts: totals by tenant, rates over the last seconds, latencies. Plain numbers, cheap to update. */

/** Totals of one tenant. */
export interface Totals {
  records: number
  bytes: number
  rejected: number
}

const rateSeconds = 10

/** Eight buckets for each doubling, from 1 microsecond to 2^32. */
const bucketsPerDoubling = 8
const bucketCount = 32 * bucketsPerDoubling

/** Latencies in buckets 9 % wide. */
class Histogram {
  readonly counts = new Uint32Array(bucketCount)
  total = 0

  add(micros: number): void {
    const bucket = Math.floor(Math.log2(Math.max(1, micros)) * bucketsPerDoubling)
    this.counts[Math.min(bucketCount - 1, bucket)]++
    this.total++
  }

  clear(): void {
    this.counts.fill(0)
    this.total = 0
  }
}

export class Meters {
  readonly totals = new Map<string, Totals>()
  activeStreams = 0
  /** Records and bytes of each of the last seconds, by second modulo the window. */
  private readonly seconds = Array.from({ length: rateSeconds + 1 }, () => ({ second: -1, records: 0, bytes: 0 }))
  private latencies = new Histogram()
  private earlier = new Histogram()
  private latenciesSince = 0

  /** Counts what a request wrote for a tenant. `nowMillis` is the time of its receipt. */
  count(tenant: string, records: number, bytes: number, rejected: number, nowMillis: number): void {
    let totals = this.totals.get(tenant)
    if (totals === undefined) this.totals.set(tenant, totals = { records: 0, bytes: 0, rejected: 0 })
    totals.records += records
    totals.bytes += bytes
    totals.rejected += rejected
    const second = Math.floor(nowMillis / 1000)
    const slot = this.seconds[second % this.seconds.length]
    if (slot.second !== second) Object.assign(slot, { second, records: 0, bytes: 0 })
    slot.records += records
    slot.bytes += bytes
  }

  /** Notes how long a request took, from its bytes to its receipt. */
  latency(micros: number, nowMillis: number): void {
    if (nowMillis - this.latenciesSince > rateSeconds * 1000) {
      const cleared = this.earlier
      this.earlier = this.latencies
      this.latencies = cleared
      cleared.clear()
      this.latenciesSince = nowMillis
    }
    this.latencies.add(micros)
  }

  /** Means over the last ten whole seconds. */
  rates(nowMillis: number): { readonly records: number; readonly bytes: number } {
    const now = Math.floor(nowMillis / 1000)
    let records = 0
    let bytes = 0
    for (const slot of this.seconds) {
      if (slot.second < now - rateSeconds || slot.second >= now) continue
      records += slot.records
      bytes += slot.bytes
    }
    return { records: records / rateSeconds, bytes: bytes / rateSeconds }
  }

  /** The latency, in milliseconds, that a share of the requests of the last 10 to 20 seconds stayed below. */
  quantile(share: number): number {
    const total = this.latencies.total + this.earlier.total
    if (total === 0) return 0
    let rest = Math.ceil(total * share)
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      rest -= this.latencies.counts[bucket] + this.earlier.counts[bucket]
      if (rest <= 0) return 2 ** ((bucket + 1) / bucketsPerDoubling) / 1000
    }
    return 0
  }
}
