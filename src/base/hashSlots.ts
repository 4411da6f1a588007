/** Open addressing over one Int32Array of [hash, entry] pairs, in which entry 0 means free. */

/** The same entries in twice the room. The kept hashes place them: no key is read. */
export const doubleSlots = (slots: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
  const next = new Int32Array(slots.length * 2)
  const mask = slots.length - 1
  for (let i = 0; i < slots.length; i += 2) {
    if (slots[i + 1] === 0) continue
    let slot = slots[i] & mask
    while (next[2 * slot + 1] !== 0) slot = (slot + 1) & mask
    next[2 * slot] = slots[i]
    next[2 * slot + 1] = slots[i + 1]
  }
  return next
}
