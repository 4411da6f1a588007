/**
 * Streams of a grpc-js call as Effects, with back-pressure both ways: a message is read when the handler pulls for it,
 * and a handler waits while the client does not take its answers.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Bytes of messages that one pull hands on at most, beyond the first message. */
const pullBytesMax = 1024 * 1024

/** What a handler reads from; `stop` ends the stream early, as if the client had sent no more. */
export interface Requests {
  readonly stream: Stream.Stream<Uint8Array>
  readonly stop: () => void
}

/** The side of a call that requests are read from. */
interface Reading {
  read(): Buffer | null
  on(event: "readable" | "end" | "close", listener: () => void): unknown
  readonly readableEnded: boolean
  readonly destroyed: boolean
}

/**
 * The messages of a call. grpc-js keeps up to 16 of them ahead of the handler; HTTP/2 flow control holds back the rest.
 * Called once per call, before anything else reads from it.
 */
export const requestsOf = (call: Reading): Requests => {
  let stopped = false
  let waiting: (() => void) | undefined
  const wake = (): void => {
    const resume = waiting
    waiting = undefined
    resume?.()
  }
  call.on("readable", wake)
  call.on("end", wake)
  call.on("close", wake)

  const wait = Effect.callback<void>((resume) => {
    waiting = () => resume(Effect.void)
    return Effect.sync(() => {
      waiting = undefined
    })
  })

  const take = (): [Uint8Array, ...Array<Uint8Array>] | undefined => {
    const first = call.read()
    if (first === null) return undefined
    const messages: [Uint8Array, ...Array<Uint8Array>] = [first]
    for (let bytes = first.length; bytes < pullBytesMax;) {
      const next = call.read()
      if (next === null) break
      messages.push(next)
      bytes += next.length
    }
    return messages
  }

  const pull: Effect.Effect<[Uint8Array, ...Array<Uint8Array>], Cause.Done> = Effect.suspend(() => {
    if (stopped) return Cause.done()
    const messages = take()
    if (messages !== undefined) return Effect.succeed(messages)
    if (call.readableEnded || call.destroyed) return Cause.done()
    return Effect.flatMap(wait, () => pull)
  })

  return {
    stream: Stream.fromPull(Effect.succeed(pull)),
    stop: () => {
      stopped = true
      wake()
    }
  }
}

/** The side of a call that answers are written to. */
interface Writing {
  write(message: Buffer): boolean
  once(event: "drain", listener: () => void): unknown
  off(event: "drain", listener: () => void): unknown
}

const drained = (call: Writing): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const onDrain = (): void => resume(Effect.void)
    call.once("drain", onDrain)
    return Effect.sync(() => call.off("drain", onDrain))
  })

/**
 * Writes messages, waiting whenever the call has enough of them. A cancelled call never drains: whoever runs this
 * interrupts it then.
 */
export const writeAll = (call: Writing, messages: ReadonlyArray<Buffer>, from = 0): Effect.Effect<void> =>
  Effect.suspend(() => {
    for (let i = from; i < messages.length; i++) {
      if (!call.write(messages[i])) return Effect.flatMap(drained(call), () => writeAll(call, messages, i + 1))
    }
    return Effect.void
  })
