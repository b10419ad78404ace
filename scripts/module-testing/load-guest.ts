import { readFile } from 'node:fs/promises'

import { cloudEvent } from './event.ts'
import { openGuest } from './guest.ts'

/** What a Job gives a module in addition to events. */
export interface GuestOptions {
  /** Variables, as in the Job's `env`; none by default. */
  readonly env?: Readonly<Record<string, string>>
  /** The other events of its Job, to which it may emit; none by default. */
  readonly events?: readonly string[]
  /** The most linear memory of one execution, in bytes; 64 MiB by default, as in a Job. */
  readonly memoryBytes?: number
}

/** An event: its data, a JSON value, and the CloudEvents attributes that matter; the others get example values. */
export interface GuestEvent {
  readonly data?: unknown
  readonly id?: string
  readonly source?: string
  readonly type?: string
  readonly subject?: string
  readonly time?: string
  /** Extension attributes, by name. */
  readonly extensions?: Readonly<Record<string, string>>
}

/** A line that the module logged. */
export interface GuestLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  readonly message: string
}

/** Data that the module emitted to another event of its Job. */
export interface GuestEmit {
  readonly event: string
  readonly data: unknown
}

/** The outcome of an event. A trap is a `retry` with the code MODULE_TRAP, as in a runner. */
export type GuestOutcome =
  | {
      readonly kind: 'ok'
      readonly data: unknown
      readonly emitted: readonly GuestEmit[]
      readonly lines: readonly GuestLine[]
    }
  | {
      readonly kind: 'reject'
      readonly code: string
      readonly reason: string
      readonly lines: readonly GuestLine[]
    }
  | {
      readonly kind: 'retry'
      readonly code: string
      readonly reason: string
      /** Undefined if the module left the delay to the Job's `retry`. */
      readonly afterSeconds: number | undefined
      readonly lines: readonly GuestLine[]
    }

/** A module that runs one event after the other, each in a fresh instance. */
export interface Guest {
  /** Runs one event in this thread, without a timeout. Throws an Error if it is not a valid CloudEvent. */
  run(event: GuestEvent): GuestOutcome
}

const MEMORY_BYTES = 64 * 2 ** 20

/** Reads, checks and prepares a module as a runner does. If it can't be run, throws an Error that names the fix. */
export async function loadGuest(file: string, options: GuestOptions = {}): Promise<Guest> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new Error(`${file} can not be read; run npx jobico build first`, { cause })
  })
  const { env = {}, events = [], memoryBytes = MEMORY_BYTES } = options
  const run = openGuest(bytes, { name: file, memoryBytes, env, events })
  return {
    run({ data, extensions = {}, ...attributes }) {
      const { outcome, lines } = run(cloudEvent({ ...attributes, ...extensions }, data))
      if (outcome.kind === 'reject') return { ...outcome, lines }
      if (outcome.kind === 'retry') {
        const { code, reason, afterMs } = outcome
        return {
          kind: 'retry',
          code,
          reason,
          afterSeconds: afterMs === undefined ? undefined : afterMs / 1_000,
          lines,
        }
      }
      const emitted = (outcome.emitted ?? []).map((each) => ({ event: each.event, data: parsed(each.data) }))
      return { kind: 'ok', data: parsed(outcome.data), emitted, lines }
    },
  }
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text)
}
