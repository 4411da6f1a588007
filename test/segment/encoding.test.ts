import { describe, expect, it } from "vitest"
import { FormatError } from "../../src/base/byteCursor.ts"
import { compareBytes, encodeUtf8 } from "../../src/base/bytes.ts"
import { compareBound, cutMax, cutMin, decodeBound, encodeBound } from "../../src/segment/bounds.ts"
import { addToBloom, bloomMayContain, makeBloom } from "../../src/segment/encoding/bloom.ts"
import { decodeDelta, deltaBytesMax, deltaRangeMax, encodeDelta } from "../../src/segment/encoding/delta.ts"
import { DistinctSketch } from "../../src/segment/encoding/DistinctSketch.ts"
import { bitWidth, decodeHybrid, encodeHybrid, hybridBytesMax } from "../../src/segment/encoding/hybrid.ts"
import { areAllPresent, decodeLevels, encodeLevels, levelBytesMax } from "../../src/segment/encoding/levels.ts"
import { xxhash64 } from "../../src/segment/encoding/xxhash64.ts"
import { hashKey } from "../../src/segment/lookup.ts"
import { DOUBLE, FLOAT, INT32, INT64 } from "../../src/segment/parquet.ts"
import { ThriftReader } from "../../src/segment/thrift/ThriftReader.ts"
import { BINARY, I64, STRUCT, ThriftWriter, TRUE } from "../../src/segment/thrift/ThriftWriter.ts"
import { below, makeDice, pick, randomText } from "./support.ts"

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed)

describe("XXH64", () => {
  const hash = (text: string) => {
    const { high, low } = hashKey(encodeUtf8(text))
    return ((BigInt(high) << 32n) | BigInt(low)).toString(16)
  }

  // From the reference implementation: the empty input, each kind of tail, and whole stripes of 32 bytes.
  it.each([
    ["", "ef46db3751d8e999"],
    ["a", "d24ec4f1a98c6e5b"],
    ["abc", "44bc2cf5ad770999"],
    ["message digest", "66ed728fceeb3be"],
    ["abcdefghijklmnopqrstuvwxyz", "cfe1f278fa89835c"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "aaa46907d3047814"],
    ["12345678901234567890123456789012345678901234567890123456789012345678901234567890", "e04a477f19ee145d"]
  ])("of %j", (text, expected) => expect(hash(text)).toBe(expected))

  it("depends on the range alone", () => {
    const bytes = encodeUtf8("xxabcyy")
    const result = { high: 0, low: 0 }
    xxhash64(bytes, 2, 5, result)
    expect(result).toEqual(hashKey(encodeUtf8("abc")))
  })
})

describe("bloom filters", () => {
  it("contain what was added, and little else", () => {
    const words = makeBloom(10_000)
    for (let i = 0; i < 10_000; i++) addToBloom(words, hashKey(encodeUtf8(`key ${i}`)))
    const bytes = new Uint8Array(words.buffer)
    let found = 0
    for (let i = 0; i < 10_000; i++) {
      if (bloomMayContain(bytes, hashKey(encodeUtf8(`key ${i}`)))) found++
    }
    let wrong = 0
    for (let i = 0; i < 100_000; i++) {
      if (bloomMayContain(bytes, hashKey(encodeUtf8(`other ${i}`)))) wrong++
    }
    expect(found).toBe(10_000)
    expect(wrong).toBeLessThan(200)
    expect(bytes.length).toBe(20_000)
  })
})

describe("runs and packed bits", () => {
  it.each(seeds(100))("come back (seed %i)", (seed) => {
    const dice = makeDice(seed)
    const width = 1 + below(dice, 20)
    const count = pick(dice, [0, 1, 7, 8, 9, 100, 4096])
    const runs = dice()
    const values = new Uint32Array(count)
    for (let i = 0; i < count; i++) values[i] = i > 0 && dice() < runs ? values[i - 1] : below(dice, 2 ** width)
    const bytes = new Uint8Array(3 + hybridBytesMax(count, width))
    const end = encodeHybrid(bytes, 3, values, 0, count, width)
    expect(end).toBeLessThanOrEqual(bytes.length)
    const target = new Uint32Array(count + 2)
    const largest = decodeHybrid(bytes, 3, end, width, target, 1, count)
    expect(Array.from(target.subarray(1, count + 1))).toEqual(Array.from(values))
    expect(largest).toBe(values.reduce((max, value) => Math.max(max, value), 0))
    expect([target[0], target[count + 1]]).toEqual([0, 0])
  })

  it("keep a long run short", () => {
    const bytes = new Uint8Array(hybridBytesMax(100_000, 17))
    expect(encodeHybrid(bytes, 0, new Uint32Array(100_000).fill(99_999), 0, 100_000, 17)).toBeLessThan(8)
  })

  it("refuse what is not all there", () => {
    const values = Uint32Array.from({ length: 100 }, (_, i) => i)
    const bytes = new Uint8Array(hybridBytesMax(100, 7))
    const end = encodeHybrid(bytes, 0, values, 0, 100, 7)
    // One byte of head and 700 bits; what fills the last group up may be missing.
    for (let cut = 0; cut < 89; cut++) {
      expect(() => decodeHybrid(bytes, 0, cut, 7, new Uint32Array(100), 0, 100)).toThrow(FormatError)
    }
    // A run of more values than there are rows; an empty run; codes of 30 bits.
    expect(() => decodeHybrid(Uint8Array.of(40, 1), 0, 2, 1, new Uint32Array(8), 0, 8)).toThrow(FormatError)
    expect(() => decodeHybrid(Uint8Array.of(0, 1), 0, 2, 1, new Uint32Array(8), 0, 8)).toThrow(FormatError)
    expect(() => decodeHybrid(bytes, 0, end, 30, new Uint32Array(8), 0, 8)).toThrow(FormatError)
  })

  it.each([[0, 1], [1, 1], [2, 2], [255, 8], [256, 9], [65_535, 16]])(
    "values up to %i need %i bits",
    (largest, width) => expect(bitWidth(largest)).toBe(width)
  )
})

describe("differences", () => {
  it.each(seeds(120))("come back (seed %i)", (seed) => {
    const dice = makeDice(seed)
    const count = pick(dice, [0, 1, 2, 32, 33, 128, 129, 130, 4096])
    const range = 2 ** (dice() * Math.log2(deltaRangeMax))
    const least = Math.floor((2 * dice() - 1) * (Number.MAX_SAFE_INTEGER - range))
    const jumps = pick(dice, [0.01, 1])
    const values = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      values[i] = i > 0 && dice() >= jumps ? values[i - 1] : least + Math.floor(dice() * range)
    }
    const bytes = new Uint8Array(3 + deltaBytesMax(count))
    const end = encodeDelta(bytes, 3, values, count)
    expect(end).toBeLessThanOrEqual(bytes.length)
    const target = new Float64Array(count + 2)
    expect(decodeDelta(bytes, 3, end, target, 1, count)).toBe(end)
    expect(Array.from(target)).toEqual([0, ...values, 0])
    for (let cut = 3; cut < end; cut += 1 + below(dice, end >> 3)) {
      expect(() => decodeDelta(bytes, 3, cut, target, 1, count)).toThrow(FormatError)
    }
    expect(() => decodeDelta(bytes, 3, end, target, 1, count + 1)).toThrow(/are expected/)
  })

  it("of whole steps take next to nothing", () => {
    const values = Int32Array.from({ length: 4096 }, (_, i) => -5000 + 7 * i)
    const bytes = new Uint8Array(deltaBytesMax(4096))
    expect(encodeDelta(bytes, 0, values, 4096)).toBeLessThan(200)
  })

  it("beyond what is safe are refused", () => {
    const varints = Uint8Array.of(128, 1, 4, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
    expect(() => decodeDelta(varints, 0, varints.length, new Float64Array(1), 0, 1)).toThrow(FormatError)
    expect(() => decodeDelta(Uint8Array.of(128, 2, 4, 1, 0), 0, 5, new Float64Array(1), 0, 1)).toThrow(/256 values/)
  })
})

describe("definition levels", () => {
  it.each(seeds(40))("come back as nulls (seed %i)", (seed) => {
    const dice = makeDice(seed)
    const rows = pick(dice, [1, 9, 511, 512, 4096])
    const density = pick(dice, [0, 0.01, 0.5, 1])
    const present = Uint8Array.from({ length: rows }, () => dice() < density ? 0 : 1)
    const isFull = present.every((flag) => flag === 1)
    const bytes = new Uint8Array(levelBytesMax(rows))
    const end = encodeLevels(bytes, isFull ? undefined : present, rows)
    const length = new DataView(bytes.buffer).getUint32(0, true)
    expect(length).toBe(end - 4)
    const nulls = new Uint8Array(rows)
    const count = decodeLevels(bytes, 4, end, nulls, 0, rows)
    expect(Array.from(nulls)).toEqual(Array.from(present, (flag) => 1 - flag))
    expect(count).toBe(nulls.reduce((sum, flag) => sum + flag, 0))
    // Fewer rows are packed: they are not plainly all there.
    expect(areAllPresent(bytes, 4, end, rows)).toBe(isFull && rows > 16)
    expect(isFull && rows >= 512 ? end % 8 : 0).toBe(0)
  })
})

describe("Thrift", () => {
  it("comes back", () => {
    const writer = new ThriftWriter(16)
    writer.root(() => {
      writer.i32(1, -1)
      writer.i64(2, Number.MAX_SAFE_INTEGER)
      writer.bool(3, true)
      writer.bool(4, false)
      writer.binary(20, "text")
      writer.struct(300, () => writer.i32(16, 5))
      writer.list(301, I64, 20, (i) => writer.int(i * 1000))
      writer.list(302, TRUE, 3, (i) => writer.flag(i === 1))
      writer.list(303, STRUCT, 2, (i) => writer.root(() => writer.binary(1, Uint8Array.of(i))))
    })
    const seen: Array<unknown> = []
    const reader = new ThriftReader(writer.written())
    reader.struct((id) => {
      switch (id) {
        case 1:
        case 2:
          return seen.push(reader.number())
        case 3:
        case 4:
          return seen.push(reader.bool())
        case 20:
          return seen.push(new TextDecoder().decode(reader.binary()))
        case 300:
          return reader.fields((inner) => seen.push([inner, reader.number()]))
        case 301:
          return reader.list(() => seen.push(reader.number()))
        case 302:
          return reader.list(() => seen.push(reader.flag()))
        default:
          return reader.list(() => reader.fields(() => seen.push(reader.binary()[0])))
      }
    })
    expect(seen).toEqual([
      ...[-1, Number.MAX_SAFE_INTEGER, true, false, "text", [16, 5]],
      ...Array.from({ length: 20 }, (_, i) => i * 1000),
      ...[false, true, false, 0, 1]
    ])
    expect(reader.at).toBe(writer.length)
    // What a reader does not know it passes over.
    const skipping = new ThriftReader(writer.written())
    skipping.struct(() => skipping.skip())
    expect(skipping.at).toBe(writer.length)
  })

  it("refuses what ends early, whatever it is", () => {
    const writer = new ThriftWriter()
    writer.root(() => {
      writer.binary(1, "0123456789")
      writer.list(2, BINARY, 3, () => writer.bytes("abc"))
      writer.struct(3, () => writer.i64(1, 2 ** 50))
    })
    const bytes = writer.written().slice()
    for (let cut = 0; cut < bytes.length; cut++) {
      const reader = new ThriftReader(bytes.subarray(0, cut))
      expect(() => reader.struct(() => reader.skip())).toThrow(FormatError)
    }
    const deep = new ThriftReader(new Uint8Array(1000).fill(0x1c))
    expect(() => deep.struct(() => deep.skip())).toThrow(/too deep/)
  })
})

describe("bounds", () => {
  it.each(seeds(50))("of text are cut outwards (seed %i)", (seed) => {
    const dice = makeDice(seed)
    for (let i = 0; i < 200; i++) {
      const isText = dice() < 0.5
      const bytes = isText
        ? encodeUtf8(randomText(dice, 12))
        : Uint8Array.from({ length: below(dice, 20) }, () => pick(dice, [0, 0xfe, 0xff]))
      const length = 1 + below(dice, 16)
      const min = cutMin(bytes, length, isText)
      const max = cutMax(bytes, length, isText)
      expect(min.length).toBeLessThanOrEqual(Math.max(length, 0))
      expect(compareBytes(min, bytes)).toBeLessThanOrEqual(0)
      expect(compareBytes(max, bytes)).toBeGreaterThanOrEqual(0)
      expect(max.length <= length || compareBytes(max, bytes) === 0).toBe(true)
      const decoded = isText ? Buffer.from(min).toString() + Buffer.from(max).toString() : ""
      expect(decoded).not.toContain("\ufffd")
    }
  })

  it.each([
    [INT32, -5],
    [INT32, 2 ** 31 - 1],
    [INT64, 2n ** 63n - 1n],
    [INT64, Number.MIN_SAFE_INTEGER],
    [INT64, -(2n ** 63n)],
    [FLOAT, 0.5],
    [DOUBLE, -1e300]
  ])("of type %i come back: %d", (physical, bound) => {
    expect(decodeBound(physical as typeof INT32, encodeBound(physical as typeof INT32, bound, true))).toBe(bound)
  })

  it("compare numbers and bigints exactly", () => {
    expect(compareBound(2 ** 53, 2n ** 53n + 1n)).toBeLessThan(0)
    expect(compareBound(-(2n ** 63n), -1)).toBeLessThan(0)
  })
})

describe("distinct values", () => {
  it.each([0, 1, 13, 100, 1000, 50_000, 1_000_000])("%i are counted, about", (distinct) => {
    const sketch = new DistinctSketch()
    const words = new Int32Array(2)
    const doubles = new Float64Array(words.buffer)
    for (let i = 0; i < Math.max(distinct, 20_000); i++) {
      if (distinct === 0) break
      doubles[0] = (i % distinct) / 8
      sketch.addPairs(words, 1)
    }
    expect(Math.abs(sketch.estimate() - distinct)).toBeLessThanOrEqual(distinct * 0.05)
  })

  it("of text and of 32-bit words too", () => {
    const [ofText, ofWords] = [new DistinctSketch(), new DistinctSketch()]
    for (let i = 0; i < 30_000; i++) {
      const bytes = encodeUtf8(`value ${i % 10_000}`)
      ofText.addBytes(bytes, 0, bytes.length)
      ofWords.addWords(Int32Array.of(i % 10_000), 1)
    }
    expect(Math.abs(ofText.estimate() - 10_000)).toBeLessThan(500)
    expect(Math.abs(ofWords.estimate() - 10_000)).toBeLessThan(500)
  })
})
