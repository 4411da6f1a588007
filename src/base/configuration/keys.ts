/**
 * Every configuration key: where it stands in the YAML file, what it takes, its default and what it does.
 *
 * A key's environment variable is `VARVE_` and its path in capitals: `wal.segment_size` is `VARVE_WAL_SEGMENT_SIZE`.
 */
import { choice, count, duration, flag, history, type Kind, port, size, text } from "./kinds.ts"

/** One key. */
export interface Key<A> {
  readonly kind: Kind<A>
  readonly default: A
  /** One sentence. */
  readonly description: string
}

const key = <A>(kind: Kind<A>, value: NoInfer<A>, description: string): Key<A> => ({
  kind,
  default: value,
  description
})

const megabyte = 1e6
const gigabyte = 1e9
const terabyte = 1e12

/** The keys, in the order in which they are shown. */
export const keys = {
  "server.host": key(
    text("a host name or address"),
    "127.0.0.1",
    "The address that every service listens on. Anything but this machine needs --insecure, because this version has no authentication."
  ),
  "server.ingestion.port": key(port, 8080, "The port of ingestion, for gRPC and HTTP. 0 takes any free port."),
  "server.query.port": key(
    port,
    8081,
    "The port of query and administration, for gRPC and HTTP. 0 takes any free port."
  ),
  "server.processor.port": key(
    port,
    8082,
    "The port of the processor's health and metrics, for HTTP and gRPC health checks. 0 takes any free port."
  ),
  "server.max_connections": key(
    count(1, 1_000_000),
    1000,
    "The most connections of one port; further ones are closed at once."
  ),
  "server.drain_timeout": key(
    duration(0, 3_600_000),
    10_000,
    "How long requests in flight may take to finish after a signal to stop."
  ),
  "storage.backend": key(
    choice("file", "memory"),
    "file",
    "Where data lies: on disk, or in memory and gone with the process."
  ),
  "storage.data_dir": key(
    text("a directory"),
    "./data",
    "The directory of the log and the data files; one process owns it at a time."
  ),
  "wal.backend": key(choice("file", "memory"), "file", "Where the log lies; the same as storage.backend."),
  "wal.segment_size": key(
    size(megabyte, terabyte),
    64 * megabyte,
    "The size at which a new log file is begun; log files are removed and archived whole."
  ),
  "wal.sync": key(
    choice("commit", "interval", "none"),
    "commit",
    "When the log is synced to disk for requests that name no durability: before each answer, at every wal.sync_interval, or when the system does it."
  ),
  "wal.sync_interval": key(duration(1, 60_000), 100, "The time between syncs where wal.sync is interval."),
  "wal.retention": key(
    duration(0, 10 * 365 * 86_400_000),
    86_400_000,
    "How long log files are kept after nothing in the engine needs them any more, for those who follow the log."
  ),
  "wal.retention_size": key(
    size(0, 1000 * terabyte),
    4 * gigabyte,
    "The most bytes of log that are kept for wal.retention; beyond it the oldest files go earlier."
  ),
  "wal.archive": key(
    flag,
    false,
    "Whether log files are moved to archive/ in the data directory when they go, to be kept for ever, and not removed."
  ),
  "memtable.size": key(
    size(megabyte, 4 * gigabyte),
    64 * megabyte,
    "The size at which a table in memory is sealed and the next one begun."
  ),
  "memtable.limit": key(
    size(megabyte, terabyte),
    4 * gigabyte,
    "The most memory that rows of all tables together may take before they are flushed; writers are slowed down as it fills."
  ),
  "memtable.max_age": key(
    duration(1000, 86_400_000),
    600_000,
    "How long a record stays in memory at most before it is written into a segment, so that the log before it can go."
  ),
  "segment.cache_size": key(
    size(megabyte, terabyte),
    64 * megabyte,
    "The most memory for pages, indexes and filters of segments that were read lately."
  ),
  "segment.workers": key(
    count(1, 64),
    1,
    "How many threads write and merge segments."
  ),
  "compaction.level0_files": key(
    count(2, 1000),
    4,
    "So many flushed segments of a table are merged; so many of about one size where the strategy is tiered."
  ),
  "compaction.level_size": key(
    size(megabyte, 1000 * terabyte),
    256 * megabyte,
    "The size that level 1 of a table may have; each level below may have ten times as much."
  ),
  "compaction.file_size": key(
    size(megabyte, terabyte),
    64 * megabyte,
    "The size at which a merged segment is ended and the next one begun."
  ),
  "compaction.interval": key(
    duration(1000, 86_400_000),
    60_000,
    "How often it is looked for what is due though nothing was flushed: histories end and records expire."
  ),
  "mvcc.history": key(
    history,
    { keep: "all" },
    "How long superseded versions of new tables can be read: all, latest, or a duration; `varve retention set` changes it for a table."
  ),
  "log.level": key(
    choice("trace", "debug", "info", "warn", "error", "none"),
    "info",
    "The least severe messages that are logged."
  ),
  "log.format": key(
    choice("pretty", "json", "logfmt"),
    "pretty",
    "How messages are logged, on standard error: for people, or one JSON object or one line of key=value each."
  )
}

/** The path of a key. */
export type KeyPath = keyof typeof keys

/** The type of a key's value: sizes are bytes, durations milliseconds. */
export type ValueOf<Path extends KeyPath> = (typeof keys)[Path] extends Key<infer A> ? A : never

/** All paths, in the order in which they are shown. */
export const keyPaths = Object.keys(keys) as ReadonlyArray<KeyPath>

/**
 * Keys of the contract that do nothing yet: `name` alone, or with everything below it where it ends in `.`. They are
 * refused, because whoever sets `auth.enabled` must not believe that it is.
 */
export const unavailable: ReadonlyArray<string> = [
  "server.tls.",
  "storage.s3.",
  "schema.",
  "auth.",
  "quota.",
  "otlp."
]

/** Values of the contract that are not available yet, by path. */
export const unavailableValues: Readonly<Record<string, ReadonlyArray<string>>> = {
  "storage.backend": ["s3"],
  "wal.backend": ["s3"]
}

/** The environment variable of a key. */
export const variableOf = (path: string): string => `VARVE_${path.replaceAll(".", "_").toUpperCase()}`
