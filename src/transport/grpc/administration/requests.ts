/** What administration requests have in common: fields that may be left empty, durations, choices. */
import type { Duration } from "@bufbuild/protobuf/wkt"
import * as Effect from "effect/Effect"
import type { Caller } from "../../../base/caller.ts"
import type { Reason } from "../../../base/reason.ts"
import type { TableSettings } from "../../../event/Event.ts"
import type { Refusal } from "../../status.ts"
import type { CompactionStrategy, HistoryPolicy } from "../generated/varve/v1/admin_tables_pb.ts"

/** A refusal of a field. */
export const refuse = (reason: Reason, field: string, message: string): Effect.Effect<never, Refusal> =>
  Effect.fail({ reason, field, message: field === "" ? message : `${field}: ${message}` })

/** A text that is empty where nothing is meant. */
const optional = (text: string): string | undefined => text === "" ? undefined : text

/** The tables that a request means. */
export const selectionOf = ({ table, tenantId }: { readonly tenantId: string; readonly table: string }) => ({
  tenant: optional(tenantId),
  table: optional(table)
})

/** Refuses callers whose credential is for one tenant: what is asked for is about all of them. */
export const requireUnrestricted = ({ tenant }: Caller): Effect.Effect<void, Refusal> =>
  tenant === undefined
    ? Effect.void
    : refuse(
      "TENANT_FORBIDDEN",
      "",
      `the credential is for tenant ${JSON.stringify(tenant)}, and this is about all tenants`
    )

/** Microseconds of a duration; what is finer is cut. Negative where it is less than zero. */
const microsOf = ({ nanos, seconds }: Duration): number => Number(seconds) * 1e6 + Math.trunc(nanos / 1000)

/** The history policy of a request; `undefined` where it names none. */
export const historyOf = (
  policy: HistoryPolicy | undefined
): Effect.Effect<TableSettings["history"] | undefined, Refusal> => {
  switch (policy?.keep.case) {
    case undefined:
      return policy === undefined
        ? Effect.undefined
        : refuse("MISSING_ARGUMENT", "history", "says nothing; set all, duration or latest, or leave it out")
    case "all":
      return Effect.succeed({ keep: "all" })
    case "latest":
      return Effect.succeed({ keep: "latest" })
    case "duration":
      return Effect.succeed({ keep: "duration", micros: microsOf(policy.keep.value) })
  }
}

/** The time to live of a request, `null` = never; `undefined` where it names none. */
export const ttlOf = (ttl: Duration | undefined): TableSettings["ttlMicros"] | undefined => {
  if (ttl === undefined) return undefined
  const micros = microsOf(ttl)
  return micros === 0 ? null : micros
}

/** The compaction of a request; `undefined` where it names none. */
export const compactionOf = (
  strategy: CompactionStrategy | undefined
): Effect.Effect<TableSettings["compaction"] | undefined, Refusal> => {
  switch (strategy?.strategy.case) {
    case undefined:
      return strategy === undefined
        ? Effect.undefined
        : refuse("MISSING_ARGUMENT", "compaction", "says nothing; set leveled, tiered or time_window, or leave it out")
    case "leveled":
      return Effect.succeed({ strategy: "leveled" })
    case "tiered":
      return Effect.succeed({ strategy: "tiered" })
    case "timeWindow":
      return Effect.succeed({ strategy: "time-window", windowMicros: microsOf(strategy.strategy.value) })
  }
}
