/** Who sends a request, as far as the engine needs to know. */

/** `tenant` is the one that the caller's credential names; `undefined` where nothing restricts the caller. */
export interface Caller {
  readonly tenant: string | undefined
}

/** A caller whom no credential restricts: the embedded library, and a server without authentication. */
export const unrestricted: Caller = { tenant: undefined }
