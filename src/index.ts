/**
 * Varve as a library: the services, and the errors that they answer with. `varve/layers` builds them.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Administration, unrestricted } from "varve"
 * import { Memory } from "varve/layers"
 *
 * const program = Effect.gen(function*() {
 *   const administration = yield* Administration
 *   return yield* administration.createTenant({ tenant: "demo", name: "" }, unrestricted)
 * }).pipe(Effect.provide(Memory.layer))
 * ```
 */
export { Administration, AdministrationError } from "./administration/Administration.ts"
export { type Caller, unrestricted } from "./base/caller.ts"
export * as Position from "./base/position.ts"
export { type Failure, failureOf, isRetryable, type Reason } from "./base/reason.ts"
export { Catalog } from "./catalog/Catalog.ts"
export { Ingestion, IngestionError } from "./ingestion/Ingestion.ts"
export { CommitError, CommitPipeline } from "./mvcc/CommitPipeline.ts"
export { Mvcc, MvccError } from "./mvcc/Mvcc.ts"
export { Query, QueryError } from "./query/Query.ts"
export { BlockStorage, StorageError } from "./storage/BlockStorage.ts"
export { Wal, WalError } from "./wal/Wal.ts"
