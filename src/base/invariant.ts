/**
 * A statement that holds unless the engine itself has a bug.
 *
 * It throws, so that an Effect around it dies: a broken invariant must never be caught and worked around.
 */
export function invariant(condition: boolean, statement: string): asserts condition {
  if (!condition) {
    throw new Error(`invariant broken: ${statement}`)
  }
}
