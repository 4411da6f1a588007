/**
 * Receipts in a checkpoint, oldest first, as columns.
 *
 * ```text
 * first positions     u64 each
 * last positions      u64 each
 * commit times        u64 each, microseconds since 1970
 * content hashes      32 bytes each
 * lengths of keys     u32 each
 * keys                UTF-8, one after another: tenant, NUL, idempotency key
 * ```
 *
 * On disk: do not change; a new layout is a new version of the checkpoint.
 */
import { FormatError } from "../../base/byteCursor.ts"
import { encodeUtf8 } from "../../base/bytes.ts"
import * as Position from "../../base/position.ts"
import { getUint64, setUint64 } from "../../wal/format.ts"
import type { KeptReceipt } from "../receipts.ts"
import { type Section, sectionKinds } from "./format.ts"

const hashBytes = 32

/** Bytes of a receipt without its key. */
const fixedBytes = 8 + 8 + 8 + hashBytes + 4

/** Where the columns of so many receipts begin. */
const layoutOf = (count: number) => ({
  lasts: 8 * count,
  times: 16 * count,
  hashes: 24 * count,
  lengths: (24 + hashBytes) * count,
  keys: fixedBytes * count
})

/** A run of receipts as a section: of 4,096, about a millisecond of work. */
export const receiptSection = (receipts: ReadonlyArray<KeptReceipt>): Section => {
  const count = receipts.length
  const keys = encodeUtf8(receipts.map(({ key }) => key).join(""))
  const layout = layoutOf(count)
  const payload = new Uint8Array(layout.keys + keys.length)
  const view = new DataView(payload.buffer)
  for (let i = 0; i < count; i++) {
    const { commitTime, contentHash, firstPosition, key, lastPosition } = receipts[i]
    setUint64(view, 8 * i, firstPosition)
    setUint64(view, layout.lasts + 8 * i, lastPosition)
    setUint64(view, layout.times + 8 * i, commitTime)
    payload.set(contentHash, layout.hashes + hashBytes * i)
    view.setUint32(layout.lengths + 4 * i, Buffer.byteLength(key), true)
  }
  payload.set(keys, layout.keys)
  return { kind: sectionKinds.receipts, entries: count, payload }
}

/** The receipts of a section. Throws `FormatError` where it is none. */
export const receiptsOf = ({ entries, payload }: Section): ReadonlyArray<KeptReceipt> => {
  const layout = layoutOf(entries)
  if (payload.length < layout.keys) throw new FormatError(`${payload.length} bytes do not hold ${entries} receipts`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  // Decodes short texts several times faster than a TextDecoder.
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const receipts: Array<KeptReceipt> = []
  let at = layout.keys
  for (let i = 0; i < entries; i++) {
    const end = at + view.getUint32(layout.lengths + 4 * i, true)
    const hash = layout.hashes + hashBytes * i
    receipts.push({
      firstPosition: Position.make(getUint64(view, 8 * i)),
      lastPosition: Position.make(getUint64(view, layout.lasts + 8 * i)),
      commitTime: getUint64(view, layout.times + 8 * i),
      // Copied: the payload goes.
      contentHash: payload.slice(hash, hash + hashBytes),
      key: text.toString("utf8", at, end)
    })
    at = end
  }
  if (at !== payload.length) throw new FormatError(`the keys of ${entries} receipts do not end where the section does`)
  return receipts
}
