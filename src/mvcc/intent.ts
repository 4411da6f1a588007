/**
 * Intents: what a request wants to happen. The commit pipeline decides each one in order; only what was decided for
 * becomes an event in the log.
 */

/** How safe a write is: in the log but unsynced, synced to disk, stored by the replicated object store. */
export type Durability = "MEMORY" | "FSYNCED" | "REPLICATED"
