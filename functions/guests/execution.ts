import { REASON_CHARS, cut, type Execute, type GuestInput, type Outcome } from './abi.ts'
import { trapOutcome } from './traps/trap.ts'

/** The instance that runs now, as the functions that it imports see it. */
export interface Guest {
  readonly module: WebAssembly.Module
  /** Undefined until its instantiation is over. */
  memory: WebAssembly.Memory | undefined
  /** Bytes that the host is asking it for. */
  wanted: number
  /** The first outcome that the host came to stands, whatever the guest does then. */
  ended: Outcome | undefined
}

/** A guest between two events, but for its module. */
export const AT_REST: Omit<Guest, 'module'> = { memory: undefined, wanted: 0, ended: undefined }

const ENDED = new Error('the guest has ended its execution')

/** Runs events one after the other: what `run` gives, unless the guest has ended before or trapped. */
export function executor<G extends Guest>(
  guest: G,
  atRest: Omit<G, 'module'>,
  run: (input: GuestInput) => Outcome,
): Execute {
  return (input) => {
    try {
      const outcome = run(input)
      return guest.ended ?? outcome
    } catch (thrown) {
      return guest.ended ?? trapOutcome(thrown, guest)
    } finally {
      Object.assign(guest, atRest) // which lets go of the instance
    }
  }
}

/** Unwinds the guest. It may catch this, and gains nothing: the outcome is kept. */
export function end(guest: Guest, outcome: Outcome): never {
  guest.ended ??= outcome
  throw ENDED
}

/** The outcome of a guest that did what makes no sense. */
export function trapped(problem: string): Outcome {
  return { kind: 'retry', code: 'MODULE_TRAP', reason: cut(problem, REASON_CHARS) }
}
