/** Why an engine cannot begin where the last one ended. */
import * as Schema from "effect/Schema"

/**
 * What is on disk cannot be read, or does not belong together. Nothing was changed. `message` names the file or the
 * position, and the way out.
 */
export class RecoveryError extends Schema.TaggedError<RecoveryError>()("RecoveryError", {
  /** In the log: where it cannot be read, or from where on it is missing; 0 where it is not about the log. */
  position: Schema.Number,
  message: Schema.String,
  /** The file to blame, as the user knows it. */
  file: Schema.optionalKey(Schema.String)
}) {}
