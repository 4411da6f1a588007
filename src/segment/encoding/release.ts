/**
 * Gives memory back at once, where garbage collection would come to it later: pages are short-lived and large, and what is
 * not given back makes the collector stop everything, in the middle of somebody's read.
 */

/** Frees the memory of an array that nobody uses any more; one that has only a part of a larger buffer is left alone. */
export const release = ({ buffer, byteLength }: Uint8Array<ArrayBuffer>, spareBytes = 0): void => {
  if (byteLength > 0 && buffer.byteLength === byteLength + spareBytes) buffer.transfer(0)
}
