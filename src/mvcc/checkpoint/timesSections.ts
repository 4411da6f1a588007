/**
 * Commit times in a checkpoint: the blocks that they are kept in, oldest first.
 *
 * ```text
 * u32 entries    u32 bytes    u64 last position    u64 last time    the block's bytes
 * ```
 *
 * On disk: do not change; a new layout is a new version of the checkpoint. All blocks but the last have 1,024 entries.
 */
import { FormatError } from "../../base/byteCursor.ts"
import { getUint64, setUint64 } from "../../wal/format.ts"
import { blockEntries, type TimesBlock } from "../commitTimesBlock.ts"
import { type Section, sectionKinds } from "./format.ts"

const headBytes = 24

/** Blocks of a section: about 256 KiB. */
const sectionBlocks = 64

/** The blocks in sections, each about a millisecond of work. */
export const timesSections = function*(blocks: ReadonlyArray<TimesBlock>): Generator<Section> {
  for (let from = 0; from < blocks.length; from += sectionBlocks) {
    const part = blocks.slice(from, from + sectionBlocks)
    const payload = new Uint8Array(part.reduce((bytes, block) => bytes + headBytes + block.bytes.length, 0))
    const view = new DataView(payload.buffer)
    let at = 0
    for (const { bytes, count, last, time } of part) {
      view.setUint32(at, count, true)
      view.setUint32(at + 4, bytes.length, true)
      setUint64(view, at + 8, last)
      setUint64(view, at + 16, time)
      payload.set(bytes, at + headBytes)
      at += headBytes + bytes.length
    }
    yield { kind: sectionKinds.commitTimes, entries: part.length, payload }
  }
}

/** The blocks of a section. Throws `FormatError` where it is none. */
export const timesBlocksOf = ({ entries, payload }: Section): ReadonlyArray<TimesBlock> => {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const blocks: Array<TimesBlock> = []
  let at = 0
  for (let i = 0; i < entries; i++) {
    if (at + headBytes > payload.length) throw new FormatError("a section of commit times is cut short")
    const count = view.getUint32(at, true)
    if (count > blockEntries) throw new FormatError(`a block of ${count} commit times is larger than ${blockEntries}`)
    const start = at + headBytes
    const end = start + view.getUint32(at + 4, true)
    if (end > payload.length) throw new FormatError("a section of commit times is cut short")
    const last = getUint64(view, at + 8)
    const time = getUint64(view, at + 16)
    // Copied: each block lives as long as it is wanted.
    blocks.push({ count, last, time, bytes: payload.slice(start, end) })
    at = end
  }
  if (at !== payload.length) throw new FormatError("a section of commit times is too long")
  return blocks
}
