/** What an event asks of the module. */
export type Wish = 'ok' | 'spin' | 'reject' | 'retry' | 'trap' | 'loop'

/** An event that was sent, and what is known of it outside the system. */
export interface Entry {
  readonly key: string
  readonly wish: Wish
  /** Answered with 202, at least once. */
  readonly accepted: boolean
  /** How often the module was seen to begin with it. */
  readonly executions: number
}

/** How an event ended, as far as books need it. */
export interface Ending {
  readonly kind: 'done' | 'dead'
  readonly code?: string
  readonly attempts: number
}

/** What the streams hold of an event. */
export interface Holding {
  /** Keys of messages in the queue and among the retries. */
  readonly pending: ReadonlySet<string>
  readonly endings: ReadonlyMap<string, Ending>
  /** How many messages the outcome stream has ever stored; undefined where that can't be told. */
  readonly written: number | undefined
}

/** The books, closed. Each of the lists is empty where all is right. */
export interface Balance {
  readonly sent: number
  readonly accepted: number
  readonly done: number
  readonly dead: number
  readonly pending: number
  /** Executions beyond the first of events that needed no more than one. */
  readonly again: number
  /** Keys that were accepted and are nowhere. */
  readonly lost: readonly string[]
  /** What is otherwise not as it must be, in words. */
  readonly wrong: readonly string[]
}

/** The codes with which an event may end that asked for something else than a good end. */
const CODES: Readonly<Record<Wish, readonly string[]>> = {
  ok: [],
  spin: [],
  reject: ['REJECTED'],
  retry: ['RETRY_REQUESTED'],
  trap: ['MODULE_TRAP'],
  loop: ['TIMEOUT'],
}
/** A process that dies on every attempt ends any event. */
const PROCESS_DIED = 'PROCESS_DIED'
/** Dead letters are two messages: the verdict, and the event as it was. */
const MESSAGES = { done: 1, dead: 2 } as const

/** Balances what was sent against what the streams hold. Pure. */
export function balance(entries: readonly Entry[], { pending, endings, written }: Holding): Balance {
  const known = new Set(entries.map(({ key }) => key))
  const lost = entries.filter(({ key, accepted }) => accepted && !pending.has(key) && !endings.has(key))
  const strangers = [...pending, ...endings.keys()].filter((key) => !known.has(key))
  const count = (kind: Ending['kind']) =>
    [...endings.values()].filter((ending) => ending.kind === kind).length
  const [done, dead] = [count('done'), count('dead')]
  const expected = done * MESSAGES.done + dead * MESSAGES.dead
  return {
    sent: entries.length,
    accepted: entries.filter(({ accepted }) => accepted).length,
    done,
    dead,
    pending: pending.size,
    again: entries.reduce((sum, { wish, executions }) => sum + beyondFirst(wish, executions), 0),
    lost: lost.map(({ key }) => key),
    wrong: [
      ...strangers.map((key) => `${key} was never sent`),
      ...entries.flatMap(({ key, wish }) => faultOf(key, wish, endings.get(key))),
      ...(written === undefined || written === expected
        ? []
        : [`the outcomes were written ${written} times, not ${expected}: some event has had two verdicts`]),
    ],
  }
}

function beyondFirst(wish: Wish, executions: number): number {
  return CODES[wish].length === 0 ? Math.max(0, executions - 1) : 0
}

function faultOf(key: string, wish: Wish, ending: Ending | undefined): string[] {
  if (ending === undefined || ending.code === PROCESS_DIED) return []
  const codes = CODES[wish]
  const isRight = ending.kind === 'done' ? codes.length === 0 : codes.includes(ending.code ?? '')
  return isRight ? [] : [`${key}, which asked for ${wish}, is ${ending.kind} ${ending.code ?? ''}`.trim()]
}
