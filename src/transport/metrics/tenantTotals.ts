/** Totals by tenant, for so many tenants that labels stay few: some have one of their own, the rest share one. */

/** The label of everything that no labelled tenant did. */
export const otherTenants = "(other)"

/** How many tenants get a label of their own. */
export const labelledTenantsMax = 100

/** What is counted of a tenant. All only rise. */
export interface Totals {
  readonly records: number
  readonly bytes: number
  readonly rejected: number
}

const nothing: Totals = { records: 0, bytes: 0, rejected: 0 }

const minus = (left: Totals, right: Totals): Totals => ({
  records: left.records - right.records,
  bytes: left.bytes - right.bytes,
  rejected: left.rejected - right.rejected
})

/** Totals by label. */
export class TenantTotals {
  private readonly labelled = new Set<string>()
  private readonly totals = new Map<string, Totals>()
  private readonly labelsMax: number

  constructor(labelsMax = labelledTenantsMax) {
    this.labelsMax = labelsMax
  }

  /** Labels the first tenants it gets to know, for good: the total of a label must never fall. Gives all labelled. */
  label(tenants: Iterable<string>): ReadonlySet<string> {
    for (const tenant of tenants) {
      if (this.labelled.size >= this.labelsMax) break
      this.labelled.add(tenant)
    }
    return this.labelled
  }

  /** Takes in the totals of all tenants together and of each labelled one; gives the labels that are new. */
  update(all: Totals, each: Iterable<readonly [tenant: string, totals: Totals]>): ReadonlyArray<string> {
    const before = new Set(this.totals.keys())
    let other = all
    for (const [tenant, totals] of each) {
      this.totals.set(tenant, totals)
      other = minus(other, totals)
    }
    if (other.records > 0 || other.bytes > 0 || other.rejected > 0) this.totals.set(otherTenants, other)
    return [...this.totals.keys()].filter((label) => !before.has(label))
  }

  /** The totals of a label. */
  of(label: string): Totals {
    return this.totals.get(label) ?? nothing
  }
}
