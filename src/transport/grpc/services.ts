/**
 * The gRPC services of each port. A new service is registered here twice: its definition, which the port has from the
 * start, and its handlers, once the engine is there.
 */
import type { DescService } from "@bufbuild/protobuf"
import * as Effect from "effect/Effect"
import type { Administration } from "../../administration/Administration.ts"
import type { Inspection } from "../../administration/Inspection.ts"
import type { Catalog } from "../../catalog/Catalog.ts"
import type { Ingestion } from "../../ingestion/Ingestion.ts"
import type { Checkpoints } from "../../mvcc/checkpoint/Checkpoints.ts"
import type { CommitPipeline } from "../../mvcc/CommitPipeline.ts"
import type { Mvcc } from "../../mvcc/Mvcc.ts"
import type { SegmentFiles } from "../../mvcc/SegmentFiles.ts"
import type { Processor } from "../../processor/Processor.ts"
import type { Query } from "../../query/Query.ts"
import type { Wal } from "../../wal/Wal.ts"
import type { Health } from "../health.ts"
import { makeAdministrationHandlers } from "./administration.ts"
import { AdminService } from "./generated/varve/v1/admin_pb.ts"
import { IngestionService } from "./generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "./generated/varve/v1/query_pb.ts"
import { makeIngestionHandlers } from "./ingestion.ts"
import type { Implementation } from "./method.ts"
import { makeQueryHandlers } from "./query.ts"

/** The ports, by the names of their configuration sections. That of the processor serves health and metrics alone. */
export const portNames = ["ingestion", "query", "processor"] as const

/** See {@link portNames}. */
export type PortName = (typeof portNames)[number]

/** What each port serves. */
export const definitions: Readonly<Record<PortName, ReadonlyArray<DescService>>> = {
  ingestion: [IngestionService as unknown as DescService],
  query: [QueryService as unknown as DescService, AdminService as unknown as DescService],
  processor: []
}

/** What serving needs of the engine. */
export type Engine =
  | Ingestion
  | Query
  | Administration
  | Inspection
  | Processor
  | Catalog
  | Checkpoints
  | CommitPipeline
  | Mvcc
  | SegmentFiles
  | Wal

/** Makes the handlers of every service. A service without handlers answers UNIMPLEMENTED. */
export const makeHandlers = Effect.fnUntraced(
  function*(health: Effect.Effect<Health>): Effect.fn.Return<ReadonlyArray<Implementation>, never, Engine> {
    return [
      yield* makeIngestionHandlers(health),
      yield* makeQueryHandlers(health),
      yield* makeAdministrationHandlers
    ]
  }
)
