import type { CloudEvent } from '../cloudevents/cloudevent.ts'
import type { ErrorCode } from '../process/errors.ts'

/** Data for another event of the same Job, as JSON text. */
export interface Emitted {
  readonly event: string
  readonly data: string
}

/** What became of one execution. Reasons have at most REASON_CHARS characters; `data` is JSON text. */
export type Outcome =
  | { kind: 'ok'; data: string | undefined; /** None where it is missing. */ emitted?: readonly Emitted[] }
  | { kind: 'retry'; code: ErrorCode; reason: string; afterMs?: number }
  | { kind: 'reject'; code: ErrorCode; reason: string }

/** An execution that failed. */
export type Failure = Exclude<Outcome, { kind: 'ok' }>

/** Levels of what a module logs. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** What a guest gets from the thread it runs on; the same for every event of it. */
export interface Host {
  /** The module's own environment variables. */
  readonly env: ReadonlyMap<string, string>
  /** The other events of its Job, into which it may emit. */
  readonly events: ReadonlySet<string>
  /** Takes a line of the running event; it cuts and counts, so a guest may call it at will. */
  log(level: LogLevel, message: string): void
}

/** What one execution is given: a text, and for a program that is a process, variables such as `CE_ID=1`. */
export interface GuestInput {
  readonly text: string
  readonly variables?: readonly string[]
}

/** Runs one event in a fresh instance. Never throws; does not return while the guest runs. */
export type Execute = (input: GuestInput) => Outcome

/** An export that a module must have: `types` are those it may have, such as `(i32) -> i32` or `memory`; `fix` how to get it. */
export interface NeededExport {
  readonly types: readonly string[]
  readonly fix: string
}

/** One way of talking to modules: what they export, what they may import, and how an event is run. */
export interface Abi<Name extends string = string> {
  readonly name: Name
  /** The exports by which a module is known to speak this ABI. */
  readonly entry: ReadonlyMap<string, NeededExport>
  /** Further exports it needs. */
  readonly needs: ReadonlyMap<string, NeededExport>
  /** Exports it may have, which have this type then. */
  readonly optional: ReadonlyMap<string, NeededExport>
  /** Matches names of exports that this ABI can't be given. */
  readonly forbidden: RegExp | undefined
  /** Functions offered to it: by module and name, with their types. */
  readonly imports: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** What a module is given of an event. Pure. */
  input(event: CloudEvent): GuestInput
  /** Makes ready to run events in a module that has passed its check. One event at a time. */
  prepare(module: WebAssembly.Module, host: Host): Execute
}

/** The most characters of a reason. */
export const REASON_CHARS = 512

/** `text` as well-formed Unicode of at most `most` UTF-16 units; what was cut ends in an ellipsis. */
export function cut(text: string, most: number): string {
  return (text.length > most ? `${text.slice(0, most - 1)}…` : text).toWellFormed()
}
