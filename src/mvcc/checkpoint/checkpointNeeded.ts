/** When a checkpoint is worth its cost. */

/** What has gathered since the newest checkpoint. */
export interface SinceCheckpoint {
  /** Bytes of log. */
  readonly logBytes: number
  /** Whether rows have become segments, or segments other ones. */
  readonly segmentsChanged: boolean
  readonly millis: number
  /** What the newest one took, and the next one will; 0 where there is none. */
  readonly checkpointBytes: number
}

/** Log that a start may have to read. */
const logBytesMin = 64 * 1024 * 1024

/** Least time between two for the sake of segments alone. */
const millisMin = 30_000

/** Bytes a second that may be written for the sake of segments alone. */
const bytesPerSecond = 512 * 1024

/**
 * After 64 MiB of log, or as much as a checkpoint takes where that is more: at most half of what is written is
 * checkpoints. Or when segments were published, since only then does a start have less of the log to read: after half a
 * minute, or longer where checkpoints are large.
 */
export const checkpointNeeded = (
  { checkpointBytes, logBytes, millis, segmentsChanged }: SinceCheckpoint
): boolean =>
  logBytes >= Math.max(logBytesMin, checkpointBytes) ||
  (segmentsChanged && millis >= Math.max(millisMin, checkpointBytes / bytesPerSecond * 1000))
