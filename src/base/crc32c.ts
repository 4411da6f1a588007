/** CRC-32C (Castagnoli), in native code: about 0.2 us a call and several GB/s. Once per frame, never per record. */
import { crc32c as native } from "@node-rs/crc32"

/**
 * The CRC-32C of `bytes` as an unsigned 32-bit integer.
 *
 * `initial` is the CRC of what came before, so that pieces can be summed without joining them:
 * `crc32c(b, crc32c(a))` equals the CRC of a followed by b.
 */
export const crc32c = (bytes: Uint8Array, initial = 0): number => native(bytes, initial)
