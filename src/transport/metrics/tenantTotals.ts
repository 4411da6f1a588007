/** Totals by tenant, for so many tenants that labels stay few: the first of them by name, the rest in one. */

/** The label of all tenants that have none of their own. */
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

/** Totals by label. A label, once given, stays with its tenant, so that no total ever falls. */
export class TenantTotals {
  private readonly labels = new Set<string>()
  private readonly totals = new Map<string, Totals>()
  private readonly labelsMax: number

  constructor(labelsMax = labelledTenantsMax) {
    this.labelsMax = labelsMax
  }

  /** Takes in the present totals of every tenant; gives the labels that are new. */
  update(tenants: Iterable<readonly [tenant: string, totals: Totals]>): ReadonlyArray<string> {
    const before = new Set(this.totals.keys())
    let other: Totals | undefined
    for (const [tenant, totals] of tenants) {
      if (this.labels.has(tenant) || this.labels.size < this.labelsMax) {
        this.labels.add(tenant)
        this.totals.set(tenant, totals)
      } else {
        const sum = other ?? nothing
        other = {
          records: sum.records + totals.records,
          bytes: sum.bytes + totals.bytes,
          rejected: sum.rejected + totals.rejected
        }
      }
    }
    if (other !== undefined) this.totals.set(otherTenants, other)
    return [...this.totals.keys()].filter((label) => !before.has(label))
  }

  /** The totals of a label. */
  of(label: string): Totals {
    return this.totals.get(label) ?? nothing
  }
}
