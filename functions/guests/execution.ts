import { REASON_CHARS, cut, type Execute, type GuestInput, type Outcome } from './abi.ts'
import type { StderrReader } from './traps/stderr-reader.ts'
import { trapOutcome } from './traps/trap.ts'

/** The state of the running instance, for the host functions that it calls. */
export interface Guest {
  readonly module: WebAssembly.Module
  /** Undefined until the instance is instantiated. */
  memory: WebAssembly.Memory | undefined
  /** The bytes that the host is asking the guest to allocate; else 0. */
  wanted: number
  /** What it wrote to standard error, if it has one. */
  stderr: StderrReader | undefined
  /** The outcome that the host decided first. It stands, whatever the guest does after that. */
  ended: Outcome | undefined
}

/** The state of a guest between two executions, without its module. */
export const IDLE_GUEST: Omit<Guest, 'module'> = {
  memory: undefined,
  wanted: 0,
  stderr: undefined,
  ended: undefined,
}

const ENDED = new Error('the guest has ended its execution')

/** Makes the execute function of a guest. The outcome is that of `end`, else of a trap, else what `run` returns. */
export function executor<G extends Guest>(
  guest: G,
  idle: Omit<G, 'module'>,
  run: (input: GuestInput) => Outcome,
): Execute {
  return (input) => {
    try {
      const outcome = run(input)
      return guest.ended ?? outcome
    } catch (thrown) {
      return guest.ended ?? trapOutcome(thrown, guest)
    } finally {
      Object.assign(guest, idle) // so that the instance can be garbage-collected
    }
  }
}

/** Ends the execution with an outcome, by an exception. If the guest catches it, the outcome stands all the same. */
export function end(guest: Guest, outcome: Outcome): never {
  guest.ended ??= outcome
  throw ENDED
}

/** The outcome of a guest that made an invalid call, as if it had trapped. */
export function trapped(problem: string): Outcome {
  return { kind: 'retry', code: 'MODULE_TRAP', reason: cut(problem, REASON_CHARS) }
}

const MOST_DELAY_MS = 30 * 86_400_000

/** The outcome of a guest that asks for another attempt, after that many seconds if it is a number from 0 up. */
export function retryRequested(reason: string, afterSeconds = NaN): Outcome {
  const after = afterSeconds >= 0 ? { afterMs: Math.min(Math.round(afterSeconds * 1000), MOST_DELAY_MS) } : {}
  return { kind: 'retry', code: 'RETRY_REQUESTED', reason: cut(reason, REASON_CHARS), ...after }
}

/** The outcome of a guest that rejects its event. */
export function rejected(reason: string): Outcome {
  return { kind: 'reject', code: 'REJECTED', reason: cut(reason, REASON_CHARS) }
}
