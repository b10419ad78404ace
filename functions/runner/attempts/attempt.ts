import { eventOfMessage } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import type { Failure } from '../../guests/abi.ts'
import { readHistory, type History } from '../../outcomes/history.ts'
import { isVerdict, type StoredRecord } from '../../outcomes/event-state.ts'
import { JOBICO_HEADERS, type AttemptError } from '../../outcomes/verdict.ts'
import { messageOf } from '../../process/errors.ts'
import type { EventRef } from '../../queues/names.ts'
import type { Delivery } from '../dispatch/delivery.ts'
import { handOverBytes, handOversOf, type HandOver } from '../../outcomes/hand-over.ts'
import type { NextEvent, Output } from '../outputs/output.ts'
import { postToSink } from '../outputs/sink.ts'
import type { Report } from '../attempt-report.ts'
import type { Execution } from '../workers/worker-slot.ts'
import { resultEvent } from './result-event.ts'
import { decide, type RetryPolicy } from './retry-policy.ts'
import { isOlder, type Lack, type Replaced, type Written } from './replace-record.ts'
import type { Settlement } from './settlement.ts'
import { lineageFault, resultFault } from './verdict-limits.ts'

/** What an attempt needs around it. */
export interface AttemptContext {
  readonly ref: EventRef
  readonly settlement: Settlement
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  /** The longest that one attempt may take. */
  readonly attemptLimitMs: number
  /** Digest of the module. */
  readonly module: string
  readonly output: Output | undefined
  /** The events that the module may emit to, by name; undefined for one that is not served yet. */
  readonly emits: ReadonlyMap<string, NextEvent | undefined>
  /** The most bytes of a result, headers included. */
  readonly maxResultBytes: () => number
  /** The time of the NATS server, in milliseconds since the epoch. */
  readonly now: () => number
  /**
   * Waits for an execution slot, where `alone` is true for one with no other execution beside it. Gives the function that
   * releases the slot, or undefined when this process is stopping.
   */
  readonly acquireSlot: (alone: boolean) => Promise<(() => void) | undefined>
  readonly execute: (key: string, event: CloudEvent) => Promise<Execution>
  /** Called once a delivered message is deleted: its ack wait need not be extended any more. */
  readonly settled: (delivery: Delivery) => void
}

/** One delivery in this process, before its event is read. */
interface Taken {
  readonly context: AttemptContext
  readonly delivery: Delivery
  readonly history: History
  readonly replaces: Replaced
}

/** One attempt at one event in this process. */
interface Attempt extends Taken {
  readonly event: KeyedEvent
}

/**
 * Takes one delivery to its end: it gets a verdict, or is scheduled for its next attempt, or goes back to its stream. What
 * follows from an execution is stored first, and the delivered message deleted after that. A message that holds no event
 * which this version can read becomes a dead letter. Rejects only when the process ends, or NATS does not take the outcome
 * for its size.
 */
export async function processDelivery(context: AttemptContext, delivery: Delivery): Promise<Report> {
  const history = historyOf(delivery)
  const replaces = { seq: delivery.source === 'events' ? delivery.seq : 0 }
  const taken = { context, delivery, history, replaces }
  let event: KeyedEvent
  try {
    event = { ...eventOfMessage(delivery.headers, delivery.data), key: delivery.key }
  } catch (thrown) {
    return await keepUnreadable(taken, messageOf(thrown))
  }
  const attempt = { ...taken, event }
  // A sink that got the result of an event must not get one again, so it is worth a look-up.
  const mustLook = history.suspect || context.output?.kind === 'sink'
  return mustLook ? await resume(attempt) : await run(attempt)
}

/** The history of a delivered event. Its attempts begin anew when it is handed over, or redriven. */
function historyOf({ headers, deliveries, source, seq }: Delivery): History {
  const found = readHistory(headers)
  const isRetry = found.suspect || headers?.has(JOBICO_HEADERS.write) === true
  const since = found.since ?? (source === 'events' && !isRetry ? seq : undefined)
  return { ...found, suspect: found.suspect || deliveries > 1, since }
}

/** Makes a message a dead letter from which this version can read no event. If there is no room, it comes again later. */
async function keepUnreadable(taken: Taken, fault: string): Promise<Report> {
  const { context, delivery, history, replaces } = taken
  const standing = await standingOf(taken)
  if (standing !== undefined) return await giveUp(taken, standing)
  const message = await context.settlement.stored(delivery.source, delivery.seq)
  if (message === undefined) return { kind: 'superseded' }
  const { attempts, errors } = history
  const cause = message.rawHeaders === undefined ? fault : 'it has headers that are not well-formed'
  const reason = `this version of Jobico can not read the message: ${cause}`
  const code = 'MESSAGE_UNREADABLE'
  const time = new Date(context.now()).toISOString()
  const verdict = { kind: 'dead', code, reason, errors, attempts, module: context.module, time } as const
  const written = await context.settlement.writeUnreadable(delivery.key, message, verdict, replaces)
  if (written.kind === 'superseded') return await giveUp(taken, inPlaceOf(taken, written.newest))
  if (written.kind === 'no-room') return { kind: 'waits', lacks: written.lacks }
  return await removeReplaced(taken, written, {
    kind: 'dead',
    attempts,
    fault: { attempt: attempts, code, reason },
  })
}

/** Continues an event that another process may have had, and may have ended before it deleted the message. */
async function resume(attempt: Attempt): Promise<Report> {
  const { context, history } = attempt
  const standing = await standingOf(attempt)
  if (standing !== undefined) return await giveUp(attempt, standing)
  return history.suspect && history.attempts >= context.retry.maxAttempts
    ? await deadLetterUnrun(attempt)
    : await run(attempt)
}

/** What stands in the place of a record that a process has in hand. */
interface Standing {
  readonly record: StoredRecord | undefined
  /** Whether it shows that another process has ended the event, or goes on with it. */
  readonly takesOver: boolean
}

/** An older record, or none, shows nothing: the server that answered may not know yet what was delivered. */
function inPlaceOf({ replaces }: Taken, newest: StoredRecord | undefined): Standing {
  return { record: newest, takesOver: !isOlder(newest, replaces.seq) }
}

/** What stands in the place of a delivered message, if another process was first; undefined if it is the newest still. */
async function standingOf(taken: Taken): Promise<Standing | undefined> {
  const { context, delivery, history, replaces } = taken
  const newest = await context.settlement.newest(delivery.key, replaces.seq)
  if ((newest?.seq ?? 0) !== replaces.seq) return inPlaceOf(taken, newest)
  if (!history.suspect) return undefined
  const outcome = await context.settlement.outcome(delivery.key, history.since ?? history.redrive ?? 0)
  return outcome && { record: outcome, takesOver: true }
}

/** Leaves an event to another process that was first. */
async function giveUp(attempt: Taken, { record, takesOver }: Standing): Promise<Report> {
  // If what was delivered is there, it comes again; if it is gone, it does not.
  if (!takesOver) return { kind: 'handed-back' }
  const hasEnded = record !== undefined && isVerdict(record)
  if (record?.kind === 'done') await removeRedrivenLetter(attempt)
  await removeDelivered(attempt)
  return { kind: hasEnded ? 'known' : 'superseded' }
}

/** Ends an event whose attempts are used up: the last one began, and its process died. */
async function deadLetterUnrun(attempt: Attempt): Promise<Report> {
  const { errors, attempts } = attempt.history
  const last = errors.at(-1) ?? processDied(attempts)
  return await deadLetter(attempt, attempts, last.code, last.reason)
}

function processDied(attempt: number): AttemptError {
  return { attempt, code: 'PROCESS_DIED', reason: 'the process died during the execution, or was killed' }
}

async function run(attempt: Attempt): Promise<Report> {
  const { context, delivery, event, history } = attempt
  const release = await context.acquireSlot(history.suspect)
  if (release === undefined) return { kind: 'handed-back' }
  let begun = attempt
  let execution: Execution
  try {
    if (history.suspect) {
      const written = await recordBeforeRun(attempt)
      if (written.kind !== 'stored') return await giveUp(attempt, inPlaceOf(attempt, written.newest))
      begun = { ...attempt, replaces: { seq: written.seq, write: written.write } }
    }
    execution = await context.execute(delivery.key, event)
  } finally {
    release()
  }
  return await settle(begun, execution)
}

/**
 * Stores the attempt as a retry before it begins, so that a death of this process counts as an attempt, and deletes the
 * delivered message.
 */
async function recordBeforeRun(attempt: Attempt) {
  const { context, event, history, replaces } = attempt
  const attempts = history.attempts + 1
  const begun = { ...history, suspect: true, attempts, errors: [...history.errors, processDied(attempts)] }
  const written = await context.settlement.scheduleRetry(event, begun, context.attemptLimitMs, replaces)
  if (written.kind === 'stored') await removeDelivered(attempt)
  return written
}

/** Stores what follows from an execution. */
async function settle(attempt: Attempt, { outcome, durationMs }: Execution): Promise<Report> {
  const { context, event, history } = attempt
  const attempts = history.attempts + 1
  if (outcome.kind !== 'ok') return await fail(attempt, outcome, attempts)
  const time = new Date(context.now()).toISOString()
  const result = resultEvent(context.ref, event, outcome.data, time)
  const emitted = (outcome.emitted ?? []).map((each) => ({ event: each.event, data: Buffer.from(each.data) }))
  const next = context.output?.kind === 'event' ? context.output.ref.event : undefined
  const events = handOversOf(context.ref, next, result, emitted)
  const failure =
    (await resultFault(context, { result, emitted })) ??
    (await familyFault(attempt, events)) ??
    (await sendToSink(context, result))
  if (failure !== undefined) return await fail(attempt, failure, attempts)
  const emittedTo = emitted.length === 0 ? {} : { emitted: emitted.map((each) => each.event) }
  const verdict = { kind: 'done', result, ...emittedTo, attempts, module: context.module, time } as const
  const written = await context.settlement.writeDone(
    event,
    verdict,
    { events, lineage: history },
    attempt.replaces,
  )
  return await conclude(attempt, written, { kind: 'done', attempts, durationMs })
}

/** Says why no more events may come out of this one. */
async function familyFault(
  { context, event, history }: Attempt,
  handOvers: readonly HandOver[],
): Promise<Failure | undefined> {
  if (handOvers.length === 0) return undefined
  const { families, familyBytes } = context.settlement
  const more = { events: handOvers.length, bytes: handOverBytes(handOvers) }
  const family = more.events === 1 ? NO_FAMILY : await families.of(history.root ?? event.key)
  return lineageFault({ more, hops: history.hops, family, mostBytes: familyBytes() })
}

const NO_FAMILY = { events: 0, bytes: 0 }

/** Schedules a retry of a failed event, or makes it a dead letter. */
async function fail(attempt: Attempt, failure: Failure, attempts: number): Promise<Report> {
  const { context, event, history } = attempt
  const decision = decide(failure, attempts, context.retry, Math.random())
  if (decision.kind === 'dead') return await deadLetter(attempt, attempts, decision.code, decision.reason)
  const fault = { attempt: attempts, code: decision.code, reason: decision.reason }
  const next = { ...history, suspect: false, attempts, errors: [...history.errors, fault] }
  const written = await context.settlement.scheduleRetry(event, next, decision.delayMs, attempt.replaces)
  return await conclude(attempt, written, {
    kind: 'retried',
    attempt: attempts,
    delayMs: decision.delayMs,
    fault,
  })
}

/** Posts a result to the sink where there is one; undefined when all went well. */
async function sendToSink(
  { output, timeoutMs }: AttemptContext,
  result: CloudEvent,
): Promise<Failure | undefined> {
  if (output?.kind !== 'sink' || result.data === undefined) return undefined
  return await postToSink(output.uri, result, timeoutMs, output.never)
}

async function deadLetter(
  attempt: Attempt,
  attempts: number,
  code: AttemptError['code'],
  reason: string,
): Promise<Report> {
  const { context, event, history, replaces } = attempt
  const fault = { attempt: attempts, code, reason }
  const isNew = history.errors.at(-1)?.attempt !== attempts
  const errors = isNew ? [...history.errors, fault] : history.errors
  const time = new Date(context.now()).toISOString()
  const verdict = { kind: 'dead', code, reason, errors, attempts, module: context.module, time } as const
  const written = await context.settlement.writeDead(event, verdict, history, replaces)
  return await conclude(attempt, written, { kind: 'dead', attempts, fault })
}

/** Says so if an execution went well whose event has become a dead letter meanwhile, or had one: that stands. */
function withLate(given: Report, meant: Report, standing: StoredRecord | undefined): Report {
  return meant.kind === 'done' && standing?.kind === 'dead' ? { kind: 'late' } : given
}

/** How long an event waits whose outcome found no room. Others make room for hand-overs, somebody for dead letters. */
const WAIT_FOR_ROOM_MS: Readonly<Record<Lack, number>> = { 'hand-overs': 3_000, 'dead letters': 10_000 }

/** Ends an attempt whose outcome was written; leaves the event to another process that was first. */
async function conclude(attempt: Attempt, written: Written, report: Report): Promise<Report> {
  const { context, event, history } = attempt
  if (written.kind === 'superseded')
    return withLate(await giveUp(attempt, inPlaceOf(attempt, written.newest)), report, written.newest)
  if (written.kind === 'no-room') {
    // As it was before: what has no room was no attempt.
    const later = await context.settlement.scheduleRetry(
      event,
      history,
      WAIT_FOR_ROOM_MS[written.lacks],
      attempt.replaces,
    )
    return await conclude(attempt, later, { kind: 'waits', lacks: written.lacks })
  }
  return await removeReplaced(attempt, written, report)
}

/** Deletes what a stored record has replaced, and gives the report. */
async function removeReplaced(
  taken: Taken,
  { replaced }: Extract<Written, { kind: 'stored' }>,
  report: Report,
): Promise<Report> {
  const { context, delivery } = taken
  if (report.kind === 'done' || report.kind === 'dead') await removeRedrivenLetter(taken)
  if (replaced === 0) await removeDelivered(taken)
  else {
    await context.settlement.remove('events', replaced)
    context.settled(delivery)
  }
  return report
}

/**
 * Removes a dead letter that was redriven and has a new outcome. It goes before the delivered message: a process that dies
 * in between would leave it behind.
 */
async function removeRedrivenLetter({ context, history }: Taken): Promise<void> {
  if (history.redrive !== undefined) await context.settlement.remove('events', history.redrive)
}

/** Deletes the delivered message, which also ends its delivery. */
async function removeDelivered({ context, delivery }: Taken): Promise<void> {
  await context.settlement.remove(delivery.source, delivery.seq)
  context.settled(delivery)
}
