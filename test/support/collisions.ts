/** Byte strings of different content and equal hash: what an index by hashes must tell apart. */
import { hashRange } from "../../src/base/bytes.ts"

/** Pairs of short keys that collide, found by birthday: the same ones each time. */
export const collidingKeys = (pairs: number): ReadonlyArray<readonly [string, string]> => {
  const byHash = new Map<number, string>()
  const found: Array<readonly [string, string]> = []
  const encoder = new TextEncoder()
  for (let i = 0; found.length < pairs; i++) {
    const key = `key-${i}`
    const bytes = encoder.encode(key)
    const hash = hashRange(bytes, 0, bytes.length)
    const other = byHash.get(hash)
    if (other === undefined) byHash.set(hash, key)
    else found.push([other, key])
  }
  return found
}
