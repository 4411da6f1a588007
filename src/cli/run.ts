/**
 * Runs the program as this process: signals interrupt it, and its exit code is the process's.
 *
 * The first signal interrupts the program, which then stops in good order. A second one, once somebody has lost
 * patience, ends the process at once; the log is made for that.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"

/**
 * Signals so soon after the first are the same one: with Ctrl-C the terminal sends it to every process of the group,
 * and npm and the wrapper of an older Node pass theirs on.
 */
const samePressMillis = 500

/** The exit code of a program that a signal ended, as shells have it for Ctrl-C. */
const interruptedExitCode = 130

/** Runs a program that says its exit code. `interrupted` is the exit code where a signal ended it; default 130. */
export const runProgram = (options: { readonly interrupted: () => number | undefined }) =>
  Runtime.makeRunMain(({ fiber }) => {
    const clock = fiber.getRef(Clock.Clock)
    let firstAt: number | undefined
    const onSignal = (): void => {
      const now = clock.currentTimeMillisUnsafe()
      if (firstAt === undefined) {
        firstAt = now
        fiber.interruptUnsafe()
      } else if (now - firstAt > samePressMillis) {
        end(1)
      }
    }
    process.on("SIGINT", onSignal)
    process.on("SIGTERM", onSignal)
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) return end(typeof exit.value === "number" ? exit.value : 0)
      if (Cause.hasInterruptsOnly(exit.cause)) return end(options.interrupted() ?? interruptedExitCode)
      // The program tells its failures itself; what comes here is a bug.
      console.error(Cause.pretty(exit.cause))
      end(1)
    })
  })

const end = (code: number): void => {
  process.exit(code)
}
