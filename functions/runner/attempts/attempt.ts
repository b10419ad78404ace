import { eventOfMessage } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import type { Failure } from '../../guests/abi.ts'
import { readHistory, type History } from '../../outcomes/history.ts'
import { isVerdict, type StoredRecord } from '../../outcomes/event-state.ts'
import type { AttemptError } from '../../outcomes/verdict.ts'
import type { EventRef } from '../../queues/names.ts'
import type { Delivery } from '../dispatch/delivery.ts'
import { handOverBytes, handOversOf, type HandOver } from '../../outcomes/hand-over.ts'
import type { NextEvent, Output } from '../outputs/output.ts'
import { postToSink } from '../outputs/sink.ts'
import type { Report } from '../attempt-report.ts'
import type { Execution } from '../workers/worker-slot.ts'
import { resultEvent } from './result-event.ts'
import { decide, type RetryPolicy } from './retry-policy.ts'
import type { Lack, Replaced, Written } from './replace-record.ts'
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

/** One attempt at one event in this process. */
interface Attempt {
  readonly context: AttemptContext
  readonly delivery: Delivery
  readonly event: KeyedEvent
  readonly history: History
  readonly replaces: Replaced
}

/**
 * Takes one delivery to its end: it gets a verdict, or is scheduled for its next attempt, or goes back to its stream. What
 * follows from an execution is stored first, and the delivered message deleted after that. Rejects only when the process
 * ends or the message is not an event.
 */
export async function processDelivery(context: AttemptContext, delivery: Delivery): Promise<Report> {
  const event = { ...eventOfMessage(delivery.headers, delivery.data), key: delivery.key }
  const found = readHistory(delivery.headers)
  const history = { ...found, suspect: found.suspect || delivery.deliveries > 1 }
  const replaces = { seq: delivery.source === 'events' ? delivery.seq : 0 }
  const attempt = { context, delivery, event, history, replaces }
  // A sink that got the result of an event must not get one again, so it is worth a look-up.
  const mustLook = history.suspect || context.output?.kind === 'sink'
  return mustLook ? await resume(attempt) : await run(attempt)
}

/** Continues an event that another process may have had, and may have ended before it deleted the message. */
async function resume(attempt: Attempt): Promise<Report> {
  const { context, delivery, history, replaces } = attempt
  const newest = await context.settlement.newest(delivery.key)
  if ((newest?.seq ?? 0) !== replaces.seq) return await giveUp(attempt, newest)
  const outcome = history.suspect
    ? await context.settlement.outcome(delivery.key, history.redrive)
    : undefined
  if (outcome !== undefined) return await giveUp(attempt, outcome)
  return history.suspect && history.attempts >= context.retry.maxAttempts
    ? await deadLetterUnrun(attempt)
    : await run(attempt)
}

/** Leaves an event to another process that was first. */
async function giveUp(attempt: Attempt, newest: StoredRecord | undefined): Promise<Report> {
  const hasEnded = newest !== undefined && isVerdict(newest)
  if (newest?.kind === 'done') await removeRedrivenLetter(attempt)
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
      if (written.kind !== 'stored') return await giveUp(attempt, written.newest)
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
  return await postToSink(output.uri, result, timeoutMs)
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

/** How long an event waits whose outcome found no room. Others make room for hand-overs, somebody for dead letters. */
const WAIT_FOR_ROOM_MS: Readonly<Record<Lack, number>> = { 'hand-overs': 3_000, 'dead letters': 10_000 }

/** Deletes what a stored record has replaced, and gives the report; leaves the event to another process that was first. */
async function conclude(attempt: Attempt, written: Written, report: Report): Promise<Report> {
  const { context, delivery, event, history } = attempt
  if (written.kind === 'superseded') return await giveUp(attempt, written.newest)
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
  if (report.kind === 'done' || report.kind === 'dead') await removeRedrivenLetter(attempt)
  if (written.replaced === 0) await removeDelivered(attempt)
  else {
    await context.settlement.remove('events', written.replaced)
    context.settled(delivery)
  }
  return report
}

/**
 * Removes a dead letter that was redriven and has a new outcome. It goes before the delivered message: a process that dies
 * in between would leave it behind.
 */
async function removeRedrivenLetter({ context, history }: Attempt): Promise<void> {
  if (history.redrive !== undefined) await context.settlement.remove('events', history.redrive)
}

/** Deletes the delivered message, which also ends its delivery. */
async function removeDelivered({ context, delivery }: Attempt): Promise<void> {
  await context.settlement.remove(delivery.source, delivery.seq)
  context.settled(delivery)
}
