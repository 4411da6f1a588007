/**
 * The last line of `npm test`: how many tests passed, failed and were skipped, alone on its line, for people and for programs.
 */
import type { Reporter, TestModule } from "vitest/node"

/** Counts of one run. A file that failed outside of any test, and an unhandled error, each count as one failure. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const failuresOutsideTests = (module: TestModule): number => {
  let failures = module.errors().length
  for (const suite of module.children.allSuites()) failures += suite.errors().length
  return failures
}

/** Counts the tests of finished modules. */
export const count = (modules: ReadonlyArray<TestModule>, unhandledErrors: number): Counts => {
  let passed = 0
  let failed = unhandledErrors
  let skipped = 0
  for (const module of modules) {
    failed += failuresOutsideTests(module)
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === "passed") passed++
      // A test that never finished (its process died, the run was cancelled) did not pass.
      else if (state === "skipped") skipped++
      else failed++
    }
  }
  return { passed, failed, skipped }
}

/** The line itself: `123 passed, 0 failed, 2 skipped`. */
export const format = ({ failed, passed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

/** The vitest reporter that prints the line after the default reporter's summary. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    process.stdout.write(`${format(count(modules, unhandledErrors.length))}\n`)
  }
}
