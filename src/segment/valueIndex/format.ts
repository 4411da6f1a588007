/**
 * Value indexes: which pages of a segment hold a value of a column. On disk: do not change what is here; a new layout is a
 * new `formatVersion`.
 *
 * ```text
 * file       blocks, one after another, each compressed by zstd
 *            directory
 *            u32 CRC-32 of the directory
 *            u32 length of the directory
 *            u32 formatVersion
 *            u32 "VIDX"
 *
 * block      of up to `blockValues` distinct values, in ascending order of their bytes, and no more once they have
 *            `blockPages` pages
 *              u32 count
 *              u32[count + 1] offsets         of the values' bytes: value i is bytes[offsets[i], offsets[i + 1])
 *              u32[count + 1] page offsets    value i is in pages[pageOffsets[i], pageOffsets[i + 1])
 *              u32[] pages                    ascending for each value
 *              bytes                          the values, as `indexedValue` writes them
 *
 * directory  u32 pages of the segment, with a value or without
 *            u32 count of blocks
 *            u32[count + 1] offsets           of the bytes of each block's first value
 *            u32[count] stored bytes, u32[count] bytes once decompressed, u32[count] CRC-32 of the stored bytes
 *            bytes                            the first values
 * ```
 *
 * A page is numbered `row group * pagesOfRowGroup + page`.
 */

/** The layout that this code writes, and the newest that it reads. */
export const formatVersion = 1

/** "VIDX", at the end. */
export const indexMark = 0x58444956

/** Bytes behind the directory. */
export const trailerBytes = 16

/** Most values of a block. */
export const blockValues = 2048

/** A block whose values have so many pages, each value's counted by itself, takes no more values. */
export const blockPages = 16_384

/** Values are cut to this many bytes: a page may then be found that does not hold the value, never the other way. */
export const valueBytesMax = 32

/** Pages of one row group have numbers below this. */
export const pagesOfRowGroup = 262_144
