/**
 * The bytes of a log file: a header of 64 bytes, then frames, then zeros. All integers are little endian. Everything
 * begins at a multiple of 8. docs/formats.md tells it to people.
 */
import { crc32c } from "../base/crc32c.ts"

// File header. On disk: do not change. The first 64 bytes keep this layout in every version of the format, so that any
// version of Varve can tell a newer file from a damaged one.
//
//    0        4        8        12       16               24
//    +--------+--------+--------+--------+----------------+
//    | "VRVL" | crc32c | version| ordinal| first position |
//    +--------+--------+--------+--------+----------------+
//    24                        40               48               64
//    +-------------------------+----------------+----------------+
//    | log id (16 bytes)       | commit time    | zeros          |
//    +-------------------------+----------------+----------------+
//
// crc32c: of bytes [8, 64). ordinal: the number in the file's name. first position: of the first frame, whether or not
// there is one yet. log id: random, the same in all files of a log. commit time: the newest before this file.

/** Bytes of a file's header. */
export const fileHeaderBytes = 64

/** The version of the format that this code writes, and the newest that it reads. */
export const formatVersion = 1

/** "VRVL" as the bytes lie in the file. */
const fileMagic = 0x4c565256

/** What a file's header says. */
export interface FileHeader {
  readonly version: number
  readonly ordinal: number
  readonly firstPosition: number
  /** 16 bytes. */
  readonly logId: Uint8Array
  /** Microseconds since 1970; the newest commit time in the files before. */
  readonly commitTime: number
}

/** Writes a u64 that is a safe integer. */
export const setUint64 = (view: DataView, offset: number, value: number): void => {
  view.setUint32(offset, value >>> 0, true)
  view.setUint32(offset + 4, Math.floor(value / 0x100000000), true)
}

/** Reads a u64; a value above 2^53 comes out inexact, and the caller refuses it. */
export const getUint64 = (view: DataView, offset: number): number =>
  view.getUint32(offset + 4, true) * 0x100000000 + view.getUint32(offset, true)

/** The 64 bytes of a header. */
export const encodeFileHeader = (header: FileHeader): Uint8Array => {
  const bytes = new Uint8Array(fileHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, fileMagic, true)
  view.setUint32(8, header.version, true)
  view.setUint32(12, header.ordinal, true)
  setUint64(view, 16, header.firstPosition)
  bytes.set(header.logId, 24)
  setUint64(view, 40, header.commitTime)
  view.setUint32(4, crc32c(bytes.subarray(8)), true)
  return bytes
}

/** Reads a header; a string says what is wrong with it. A header of a newer version is read, not refused. */
export const decodeFileHeader = (bytes: Uint8Array): FileHeader | string => {
  if (bytes.length < fileHeaderBytes)
    return `the file header is cut short (${bytes.length} of ${fileHeaderBytes} bytes)`
  const view = new DataView(bytes.buffer, bytes.byteOffset, fileHeaderBytes)
  if (view.getUint32(0, true) !== fileMagic) return "the file does not begin as a log file"
  if (view.getUint32(4, true) !== crc32c(bytes.subarray(8, fileHeaderBytes))) {
    return "the checksum of the file header is wrong"
  }
  return {
    version: view.getUint32(8, true),
    ordinal: view.getUint32(12, true),
    firstPosition: getUint64(view, 16),
    logId: bytes.slice(24, 40),
    commitTime: getUint64(view, 40)
  }
}

// Frame. On disk: do not change.
//
//    0        4        8        12     14     16               24
//    +--------+--------+--------+------+------+----------------+
//    | "VRVF" | crc32c | length | kind | zero | position       |
//    +--------+--------+--------+------+------+----------------+
//    24               32               40       44       48                  48 + length
//    +----------------+----------------+--------+--------+-------------------+-----------------+
//    | durable        | commit time    | span   | zero   | payload           | zeros to 8      |
//    +----------------+----------------+--------+--------+-------------------+-----------------+
//
// crc32c: of bytes [8, 48 + length), begun with the seed of the log (see frameSeed). length: of the payload. position:
// the first of `span` consecutive ones. durable: the last position known to be synced when the frame was written.
// commit time: microseconds since 1970, never less than in the frame before.
//
// A frame of span 0 is a mark: it has no payload, takes no position (its position is the next one to be given), and is
// there only for its `durable`, which protects the frames before it. A clean close writes one.

/** Bytes of a frame's header. */
export const frameHeaderBytes = 48

/** "VRVF" as the bytes lie in the file. */
export const frameMagic = 0x46565256

/** The same for a search through bytes. */
export const frameMagicBytes = new Uint8Array([0x56, 0x52, 0x56, 0x46])

/** Everything in a log file begins at a multiple of this. */
export const alignmentBytes = 8

/** Bytes that a frame with a payload of `length` bytes takes in the file. */
export const frameBytes = (length: number): number => frameHeaderBytes + length + paddingBytes(length)

/** Zeros after a payload of `length` bytes. */
export const paddingBytes = (length: number): number => -length & (alignmentBytes - 1)

/**
 * What the checksum of each frame of a log begins with. A frame of another log, copied into a payload by chance or by
 * a hostile client, is therefore no frame of this one, also not for the search after a damage.
 */
export const frameSeed = (logId: Uint8Array): number => crc32c(logId)
