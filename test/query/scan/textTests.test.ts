/** Tests of text that lies back to back in one heap: what stands across the border of two rows is in neither. */
import { describe, expect, it } from "vitest"
import { encodeUtf8 } from "../../../src/base/bytes.ts"
import { TextVector } from "../../../src/event/vector.ts"
import type { TextRead } from "../../../src/query/scan/readVector.ts"
import { keepText, type TextTest } from "../../../src/query/scan/textTests.ts"
import { Random, seedOf } from "../support/random.ts"

const seed = seedOf(4)

const column = { name: "t", type: "string", nullable: false, default: undefined, id: 1 } as const

const vectorOf = (texts: ReadonlyArray<string>): TextRead => {
  const vector = new TextVector(texts.length)
  texts.forEach((text, row) => vector.set(row, encodeUtf8(text)))
  return { kind: "text", heap: vector.heap, offsets: vector.offsets, nulls: undefined }
}

const kept = (texts: ReadonlyArray<string>, test: TextTest, among: ReadonlyArray<number>): ReadonlyArray<number> => {
  const rows = Int32Array.from(among)
  return [...rows.subarray(0, keepText(vectorOf(texts), test)(rows, rows.length))]
}

const contains = (text: string, negated = false): TextTest => ({
  kind: "contains",
  column,
  value: encodeUtf8(text),
  negated
})

describe("contains", () => {
  it.each<[ReadonlyArray<string>, string, ReadonlyArray<number>]>([
    [["ab", "ab", "ba"], "ba", [2]],
    [["a", "b", "ab"], "ab", [2]],
    [["aab", "b"], "aab", [0]],
    [["", "", "x"], "x", [2]],
    [["", "x"], "", [0, 1]],
    [["xx", "x", "xxx"], "xx", [0, 2]],
    [["needl", "eneedle", "e"], "needle", [1]]
  ])(
    "%j contains %j",
    (texts, part, expected) => expect(kept(texts, contains(part), texts.map((_, row) => row))).toEqual(expected)
  )

  it("finds the same among some rows, and negated", () => {
    const random = new Random(seed)
    const word = (length: number) => Array.from({ length }, () => random.pick(["a", "b"])).join("")
    for (let round = 0; round < 500; round++) {
      const texts = Array.from({ length: 30 }, () => word(random.integer(6)))
      const part = word(1 + random.integer(3))
      const among = texts.map((_, row) => row).filter(() => random.chance(0.5))
      const negated = random.chance(0.5)
      expect({ texts, part, among, kept: kept(texts, contains(part, negated), among) }).toEqual({
        texts,
        part,
        among,
        kept: among.filter((row) => texts[row].includes(part) !== negated)
      })
    }
  })
})

describe("starts with, equals, is in a list", () => {
  const texts = ["", "a", "ab", "abc", "b", "é"]
  const all = texts.map((_, row) => row)

  it.each<[string, TextTest, ReadonlyArray<number>]>([
    ["starts with ab", { kind: "starts_with", column, value: encodeUtf8("ab"), negated: false }, [2, 3]],
    ["starts not with a", { kind: "starts_with", column, value: encodeUtf8("a"), negated: true }, [0, 4, 5]],
    ["is ab", { kind: "text", column, order: "eq", value: encodeUtf8("ab") }, [2]],
    ["is empty", { kind: "text", column, order: "eq", value: encodeUtf8("") }, [0]],
    ["is behind ab", { kind: "text", column, order: "gt", value: encodeUtf8("ab") }, [3, 4, 5]],
    ["is in a list", { kind: "texts", column, values: ["é", "", "ab"].map(encodeUtf8), negated: false }, [0, 2, 5]]
  ])("%s", (_, test, expected) => expect(kept(texts, test, all)).toEqual(expected))
})
