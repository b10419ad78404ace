/** What an event asks the module to do. */
export type Action = 'ok' | 'spin' | 'emit' | 'reject' | 'retry' | 'trap' | 'loop'

/** An event that was sent, with what is known of it from outside the system. */
export interface Entry {
  readonly key: string
  readonly action: Action
  /** Whether a request with it was answered with 202 at least once. */
  readonly accepted: boolean
  /** How often the module's logs say that it began with this event. */
  readonly executions: number
}

/** The parts of a verdict that an audit needs. */
export interface Ending {
  readonly kind: 'done' | 'dead'
  readonly code?: string
  readonly attempts: number
}

/** The messages that the streams hold for an event of a Job. */
export interface StreamContents {
  /** The keys of the events in the queue, and of retries and hand-overs. */
  readonly pending: ReadonlySet<string>
  readonly endings: ReadonlyMap<string, Ending>
  /** How many verdicts were ever stored for each event; undefined when unknown. */
  readonly written: ReadonlyMap<string, number> | undefined
}

/** The result of an audit. Both lists are empty when all is right. */
export interface Audit {
  readonly sent: number
  readonly accepted: number
  readonly done: number
  readonly dead: number
  readonly pending: number
  /** Executions beyond the first, of events that need only one. */
  readonly again: number
  /** The keys of accepted events that are neither pending nor have a verdict. */
  readonly lost: readonly string[]
  /** A sentence for everything else that is wrong. */
  readonly wrong: readonly string[]
}

/** The codes with which an event may become a dead letter, by what it asked for; none when it must end well. */
const CODES: Readonly<Record<Action, readonly string[]>> = {
  ok: [],
  spin: [],
  emit: ['OUTPUT_INVALID'],
  reject: ['REJECTED'],
  retry: ['RETRY_REQUESTED'],
  trap: ['MODULE_TRAP'],
  loop: ['TIMEOUT'],
}
/** Any event may end with this code, when the process died on every attempt. */
const PROCESS_DIED = 'PROCESS_DIED'

/** Compares the events that were sent with the messages that the streams hold. Pure. */
export function auditEvents(entries: readonly Entry[], { pending, endings, written }: StreamContents): Audit {
  const known = new Set(entries.map(({ key }) => key))
  const lost = entries.filter(({ key, accepted }) => accepted && !pending.has(key) && !endings.has(key))
  const strangers = [...pending, ...endings.keys()].filter((key) => !known.has(key))
  const count = (kind: Ending['kind']) =>
    [...endings.values()].filter((ending) => ending.kind === kind).length
  return {
    sent: entries.length,
    accepted: entries.filter(({ accepted }) => accepted).length,
    done: count('done'),
    dead: count('dead'),
    pending: pending.size,
    again: entries.reduce((sum, { action, executions }) => sum + beyondFirst(action, executions), 0),
    lost: lost.map(({ key }) => key),
    wrong: [
      ...strangers.map((key) => `${key} was never sent`),
      ...entries.flatMap(({ key, action }) => faultOf(key, action, endings.get(key))),
      ...[...(written ?? [])].flatMap(([key, count]) =>
        count === 1 ? [] : [`${key} has had ${count} verdicts`],
      ),
    ],
  }
}

function beyondFirst(action: Action, executions: number): number {
  return CODES[action].length === 0 ? Math.max(0, executions - 1) : 0
}

function faultOf(key: string, action: Action, ending: Ending | undefined): string[] {
  if (ending === undefined || ending.code === PROCESS_DIED) return []
  const codes = CODES[action]
  const isRight = ending.kind === 'done' ? codes.length === 0 : codes.includes(ending.code ?? '')
  return isRight ? [] : [`${key}, which asked for ${action}, is ${ending.kind} ${ending.code ?? ''}`.trim()]
}
