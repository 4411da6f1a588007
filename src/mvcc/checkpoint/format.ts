/**
 * The bytes of a checkpoint's file: a header of 64 bytes, then sections. All integers are little endian. Everything
 * begins at a multiple of 8. docs/formats.md tells it to people.
 */
import * as zlib from "node:zlib"
import { align8, FormatError } from "../../base/byteCursor.ts"
import { crc32c } from "../../base/crc32c.ts"
import * as Position from "../../base/position.ts"
import { getUint64, setUint64 } from "../../wal/format.ts"

// File header. On disk: do not change. The first 64 bytes keep this layout in every version of the format, so that any
// version of Varve can tell a newer file from a damaged one.
//
//    0        4        8        12       16               24               32
//    +--------+--------+--------+--------+----------------+----------------+
//    | "VRCH" | crc32c | version|sections| position       | replay from    |
//    +--------+--------+--------+--------+----------------+----------------+
//    32                        48               56               64
//    +-------------------------+----------------+----------------+
//    | log id (16 bytes)       | commit time    | file bytes     |
//    +-------------------------+----------------+----------------+
//
// crc32c: of bytes [8, 64). sections: how many follow. position: of the last event that is in the checkpoint. replay
// from: the first position whose rows are not all in segments, at most position + 1. log id: of the log that both
// positions are of. commit time: of the position. file bytes: the length of the file.

/** Bytes of a file's header. */
export const headerBytes = 64

/** The version of the format that this code writes, and the newest that it reads. */
export const formatVersion = 1

/** "VRCH" as the bytes lie in the file. */
const fileMagic = 0x48435256

/** What a checkpoint's header says. */
export interface CheckpointHeader {
  readonly version: number
  readonly sections: number
  readonly position: Position.Position
  readonly replayFrom: Position.Position
  /** 16 bytes. */
  readonly logId: Uint8Array
  /** Microseconds since 1970; 0 at position 0. */
  readonly commitTime: number
  readonly fileBytes: number
}

/** The 64 bytes of a header. */
export const encodeHeader = (header: CheckpointHeader): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(headerBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, fileMagic, true)
  view.setUint32(8, header.version, true)
  view.setUint32(12, header.sections, true)
  setUint64(view, 16, header.position)
  setUint64(view, 24, header.replayFrom)
  bytes.set(header.logId, 32)
  setUint64(view, 48, header.commitTime)
  setUint64(view, 56, header.fileBytes)
  view.setUint32(4, crc32c(bytes.subarray(8)), true)
  return bytes
}

/** Reads a header. One of a newer version is read, not refused. Throws `FormatError` where it is none. */
export const decodeHeader = (bytes: Uint8Array): CheckpointHeader => {
  if (bytes.length < headerBytes) {
    throw new FormatError(`the file header is cut short (${bytes.length} of ${headerBytes} bytes)`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  if (view.getUint32(0, true) !== fileMagic) throw new FormatError("the file does not begin as a checkpoint")
  if (view.getUint32(4, true) !== crc32c(bytes.subarray(8, headerBytes))) {
    throw new FormatError("the checksum of the file header is wrong")
  }
  return {
    version: view.getUint32(8, true),
    sections: view.getUint32(12, true),
    position: Position.make(getUint64(view, 16)),
    replayFrom: Position.make(getUint64(view, 24)),
    logId: bytes.slice(32, 48),
    commitTime: getUint64(view, 48),
    fileBytes: getUint64(view, 56)
  }
}

// Section. On disk: do not change.
//
//    0        4        8        12       16       20       24                  24 + stored
//    +--------+--------+--------+--------+--------+--------+-------------------+-----------------+
//    | "VRCS" | crc32c | kind   | entries| plain  | stored | zstd              | zeros to 8      |
//    +--------+--------+--------+--------+--------+--------+-------------------+-----------------+
//
// crc32c: of everything behind it, begun with the seed of the file (see sectionSeed). entries: how many things are in
// it. plain: bytes of the payload, stored: bytes of the payload as zstd compressed it.
//
// The kinds follow one another in the order of their numbers; of each there are as many sections as it takes.

/** Bytes of a section's header. */
export const sectionHeaderBytes = 24

/** "VRCS" as the bytes lie in the file. */
const sectionMagic = 0x53435256

/** What a section holds. On disk: do not change. */
export const sectionKinds = { catalog: 1, commitTimes: 2, receipts: 3 } as const

/** What a section holds. */
export type SectionKind = (typeof sectionKinds)[keyof typeof sectionKinds]

/** A section as it was before it was compressed. */
export interface Section {
  readonly kind: SectionKind
  readonly entries: number
  readonly payload: Uint8Array
}

/** What a section's header says. */
export interface SectionHeader {
  readonly crc: number
  readonly kind: number
  readonly entries: number
  readonly plain: number
  readonly stored: number
}

/**
 * What the checksum of each section of a checkpoint begins with: the CRC-32C of its header's positions and log id. A
 * section of another checkpoint is therefore none of this one.
 */
export const sectionSeed = (
  { logId, position, replayFrom }: Pick<CheckpointHeader, "logId" | "position" | "replayFrom">
): number => {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  setUint64(view, 0, position)
  setUint64(view, 8, replayFrom)
  bytes.set(logId, 16)
  return crc32c(bytes)
}

const level = { [zlib.constants.ZSTD_c_compressionLevel]: 1 }

/** The bytes of a section, header and padding included. */
export const encodeSection = ({ entries, kind, payload }: Section, seed: number): Uint8Array<ArrayBuffer> => {
  const stored = zlib.zstdCompressSync(payload, {
    params: level,
    chunkSize: payload.length + (payload.length >> 7) + 512
  })
  const bytes = new Uint8Array(sectionBytes({ stored: stored.length }))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, sectionMagic, true)
  view.setUint32(8, kind, true)
  view.setUint32(12, entries, true)
  view.setUint32(16, payload.length, true)
  view.setUint32(20, stored.length, true)
  bytes.set(stored, sectionHeaderBytes)
  view.setUint32(4, crc32c(bytes.subarray(8), seed), true)
  return bytes
}

/** Reads the header of a section; its checksum is checked with its payload. Throws `FormatError` where it is none. */
export const decodeSectionHeader = (bytes: Uint8Array): SectionHeader => {
  if (bytes.length < sectionHeaderBytes) throw new FormatError("the file ends before its last section")
  const view = new DataView(bytes.buffer, bytes.byteOffset, sectionHeaderBytes)
  if (view.getUint32(0, true) !== sectionMagic) throw new FormatError("no section begins where one should")
  return {
    crc: view.getUint32(4, true),
    kind: view.getUint32(8, true),
    entries: view.getUint32(12, true),
    plain: view.getUint32(16, true),
    stored: view.getUint32(20, true)
  }
}

/** Bytes of a section in the file, header and padding included. */
export const sectionBytes = ({ stored }: Pick<SectionHeader, "stored">): number => align8(sectionHeaderBytes + stored)

/** The section that `bytes` hold, header and padding included. Throws `FormatError` where it is not what was written. */
export const decodeSection = (bytes: Uint8Array, header: SectionHeader, seed: number): Section => {
  if (bytes.length < sectionBytes(header)) throw new FormatError("the file ends before its last section")
  if (header.crc !== crc32c(bytes.subarray(8), seed)) throw new FormatError("the checksum of a section is wrong")
  const kind = Object.values(sectionKinds).find((known) => known === header.kind)
  if (kind === undefined) throw new FormatError(`a section of kind ${header.kind} is unknown`)
  const payload = zlib.zstdDecompressSync(bytes.subarray(sectionHeaderBytes, sectionHeaderBytes + header.stored), {
    chunkSize: header.plain + 64,
    maxOutputLength: Math.max(header.plain, 1)
  })
  if (payload.length !== header.plain) {
    throw new FormatError(`a section of ${header.plain} bytes decompresses to ${payload.length}`)
  }
  return { kind, entries: header.entries, payload }
}
