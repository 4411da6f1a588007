/**
 * Randomness that can be repeated: everything that a test draws comes from a seed, and a failure names it.
 *
 * `VARVE_TEST_SEEDS=1000` runs every seeded test over a thousand seeds, `VARVE_TEST_SEED=17` over the seed 17 alone.
 */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { seededDice } from "../../src/storage/crashImage.ts"

/** Draws from one seed. */
export class Dice {
  readonly seed: number
  private readonly next: () => number

  constructor(seed: number) {
    this.seed = seed
    this.next = seededDice(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** A whole number in [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in a share of the calls. */
  chance(share: number): boolean {
    return this.next() < share
  }

  pick<A>(choices: ReadonlyArray<A>): A {
    return choices[this.below(choices.length)]
  }

  /** The items in another order. */
  shuffle<A>(items: ReadonlyArray<A>): Array<A> {
    const shuffled = [...items]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]]
    }
    return shuffled
  }

  /** As many results of `make` as `count`. */
  times<A>(count: number, make: (index: number) => A): Array<A> {
    return Array.from({ length: count }, (_, index) => make(index))
  }

  /** 64 random bits, signed. */
  int64(): bigint {
    return BigInt.asIntN(64, (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32)))
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** Text of so many characters, from everywhere in Unicode, NUL and the byte order mark included. */
  text(characters: number): string {
    let text = ""
    for (let i = 0; i < characters; i++) text += String.fromCodePoint(this.codePoint())
    return text
  }

  private codePoint(): number {
    const kind = this.next()
    if (kind < 0.6) return this.between(0x20, 0x7e)
    if (kind < 0.7) return this.pick([0, 0x0a, 0x22, 0x5c, 0x7f, 0x80, 0x7ff, 0x800, 0xfeff, 0xfffd, 0xffff, 0x10ffff])
    if (kind < 0.8) return this.between(0xa0, 0x7ff)
    if (kind < 0.9) return this.between(0x3041, 0x30ff)
    return this.between(0x1f300, 0x1faff)
  }
}

const seedsWanted = process.env["VARVE_TEST_SEEDS"]
const seedWanted = process.env["VARVE_TEST_SEED"]

/** The seeds that a test is to run over: `count` of them unless the environment says otherwise. */
export const seedsOf = (count: number): ReadonlyArray<number> =>
  seedWanted === undefined
    ? Array.from({ length: Number(seedsWanted ?? count) }, (_, seed) => seed)
    : [Number(seedWanted)]

const named = (seed: number) => (cause: unknown): never => {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  error.message = `with VARVE_TEST_SEED=${seed}: ${error.message}`
  throw error
}

/** A test that holds for every seed: plain code. */
export const seeded = (name: string, seeds: number, check: (dice: Dice) => void): void =>
  it(name, () => {
    for (const seed of seedsOf(seeds)) {
      try {
        check(new Dice(seed))
      } catch (cause) {
        named(seed)(cause)
      }
    }
  })

/** A test that holds for every seed: an Effect, in a scope of its own for each seed, with the live clock. */
export const seededEffect = <E>(
  name: string,
  seeds: number,
  check: (dice: Dice) => Effect.Effect<void, E, Scope.Scope>
): void =>
  it.live(name, () =>
    Effect.forEach(seedsOf(seeds), (seed) =>
      Effect.scoped(check(new Dice(seed))).pipe(
        Effect.tapCause(() => Effect.logError(`the failure below came with VARVE_TEST_SEED=${seed}`))
      ), { discard: true }))
