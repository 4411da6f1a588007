/**
 * Loops compiled once for each type of array. A loop that has seen arrays of several types asks at every element which
 * one it has before it, and takes two to three times as long; so each type gets a copy of its own.
 */
import type { NumberValues } from "./readVector.ts"

/** Chooses the copy of a loop for an array. */
export type PerArray<Loop> = (values: NumberValues) => Loop

/**
 * Makes the copies, each when it is first asked for, from the loop's own text: the loop may use nothing from around it.
 */
export const perArray = <Loop extends (values: NumberValues, ...rest: never) => unknown>(
  loop: Loop
): PerArray<Loop> => {
  const text = `"use strict"; return (${loop.toString()})`
  const copies = new Map<unknown, Loop>()
  return ({ constructor }) => {
    let copy = copies.get(constructor)
    if (copy === undefined) {
      // oxlint-disable-next-line typescript/no-implied-eval -- the text is the loop's own, never a request's
      copy = new Function(text)() as Loop
      copies.set(constructor, copy)
    }
    return copy
  }
}
