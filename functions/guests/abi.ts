import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import type { ErrorCode } from '../process/errors.ts'

/** Data for another event of the same Job, as JSON text. */
export interface Emitted {
  readonly event: string
  readonly data: string
}

/** The outcome of one execution. A reason has at most REASON_CHARS characters; `data` is JSON text. */
export type Outcome =
  | { kind: 'ok'; data: string | undefined; /** Undefined for none. */ emitted?: readonly Emitted[] }
  | { kind: 'retry'; code: ErrorCode; reason: string; afterMs?: number }
  | { kind: 'reject'; code: ErrorCode; reason: string }

/** An execution that failed. */
export type Failure = Exclude<Outcome, { kind: 'ok' }>

/** The levels at which a module can log. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** What a worker thread gives its guest; the same for all executions. */
export interface Host {
  /** The environment variables of the module. */
  readonly env: ReadonlyMap<string, string>
  /** The other events of the Job, to which the module may emit. */
  readonly events: ReadonlySet<string>
  /** Logs a line of the running execution. It limits length and number, so a guest may call it as often as it likes. */
  log(level: LogLevel, message: string): void
}

/** The input of one execution: a text and, for the ABI `wasi`, environment variables such as `CE_ID=1`. */
export interface GuestInput {
  readonly text: string
  readonly variables?: readonly string[]
}

/** Runs one execution in a new instance. Never throws; returns when the guest has ended. */
export type Execute = (input: GuestInput) => Outcome

/** An export that a module must have: its allowed `types`, such as `(i32) -> i32` or `memory`; `fix` says how to add it. */
export interface NeededExport {
  readonly types: readonly string[]
  readonly fix: string
}

/** An ABI: what a module has to export, what it may import, and how an event is run in it. */
export interface Abi<Name extends string = string> {
  readonly name: Name
  /** The exports that identify this ABI: a module that has all of them has this ABI. */
  readonly entry: ReadonlyMap<string, NeededExport>
  /** Further exports that the module must have. */
  readonly needs: ReadonlyMap<string, NeededExport>
  /** Exports that the module may have, but only with one of these types. */
  readonly optional: ReadonlyMap<string, NeededExport>
  /** Matches names of exports that a module of this ABI must not have. */
  readonly forbidden: RegExp | undefined
  /** The functions that the host offers: types by import module and name. */
  readonly imports: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** The imports with one of which a module may emit to other events, each as `module.name`. */
  readonly emitting: ReadonlySet<string>
  /** Makes the input of an execution from an event. Pure. */
  input(event: CloudEvent): GuestInput
  /** Prepares a checked module for executions, of which one runs at a time. */
  prepare(module: WebAssembly.Module, host: Host): Execute
}

/** The maximum length of a reason, in UTF-16 units. */
export const REASON_CHARS = 512

/** Cuts a text to at most `most` UTF-16 units, ellipsis included, and makes it well-formed Unicode. */
export function cut(text: string, most: number): string {
  return (text.length > most ? `${text.slice(0, most - 1)}…` : text).toWellFormed()
}
