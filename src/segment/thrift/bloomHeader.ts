/** The header of a bloom filter: its size, and the one algorithm, hash and compression that there are. */
import { FormatError } from "../../base/byteCursor.ts"
import type { ThriftReader } from "./ThriftReader.ts"
import type { ThriftWriter } from "./ThriftWriter.ts"

/** Writes the header of a filter of that many bytes: split blocks, XXH64, not compressed. */
export const writeBloomHeader = (writer: ThriftWriter, bytes: number): void =>
  writer.root(() => {
    writer.i32(1, bytes)
    for (const id of [2, 3, 4]) writer.struct(id, () => writer.struct(1, () => {}))
  })

/** Reads the header; returns the filter's bytes. Throws `FormatError` for anything that Varve does not write. */
export const readBloomHeader = (reader: ThriftReader): number => {
  let bytes = 0
  let known = 0
  reader.struct((id) => {
    if (id === 1) bytes = reader.number()
    else if (id <= 4) {
      reader.fields((choice) => {
        if (choice === 1) known++
        reader.skip()
      })
    } else reader.skip()
  })
  if (known !== 3 || bytes <= 0 || bytes % 32 !== 0) throw new FormatError("not a bloom filter of the known kind")
  return bytes
}
