import { eventOfMessage } from '../../cloudevents/nats-binding.ts'
import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import type { Failure } from '../../guests/abi.ts'
import { readHistory, type History } from '../../outcomes/history.ts'
import type { AttemptError, Verdict } from '../../outcomes/verdict.ts'
import type { EventRef } from '../../queues/names.ts'
import type { Delivery } from '../dispatch/delivery.ts'
import { handOversOf } from '../outputs/hand-over.ts'
import type { NextEvent, Output } from '../outputs/output.ts'
import { postToSink } from '../outputs/sink.ts'
import type { Report } from '../attempt-report.ts'
import type { Execution } from '../workers/worker-slot.ts'
import { resultEvent } from './result-event.ts'
import { decide, type RetryPolicy } from './retry-policy.ts'
import type { Settlement } from './settlement.ts'
import { verdictFault, type DoneVerdict } from './verdict-limits.ts'

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
  /** Called once a delivery is acknowledged: its ack wait need not be extended any more. */
  readonly settled: (delivery: Delivery) => void
}

/** One attempt at one event in this process. */
interface Attempt {
  readonly context: AttemptContext
  readonly delivery: Delivery
  readonly event: KeyedEvent
  readonly history: History
  /** The sequence of the verdict that this attempt may replace; 0 for none. */
  readonly replaces: number
}

/**
 * Takes one delivery to its end: it gets a verdict, or is scheduled for its next attempt, or goes back to the queue. What
 * follows from an execution is stored first, and the delivery acknowledged after that. Rejects only when the process ends or
 * the message is not an event.
 */
export async function processDelivery(context: AttemptContext, delivery: Delivery): Promise<Report> {
  const event = { ...eventOfMessage(delivery.headers, delivery.data), key: delivery.key }
  const found = readHistory(delivery.headers)
  const history = { ...found, suspect: found.suspect || delivery.deliveries > 1 }
  const attempt = { context, delivery, event, history, replaces: 0 }
  const handsOver = context.output !== undefined || context.emits.size > 0
  const mayHaveEnded = history.suspect || delivery.source === 'retry' || handsOver
  return mayHaveEnded ? await resume(attempt) : await run(attempt)
}

/** Continues an event that another process may have had, and may have ended before it handed the result over. */
async function resume(attempt: Attempt): Promise<Report> {
  const { context, delivery, history } = attempt
  const before = await context.settlement.readVerdict(delivery.key)
  if (before !== undefined && before.seq !== history.redrive) {
    await handOverAll(attempt, before.verdict, true)
    await removeRedrivenBody(attempt)
    await acknowledge(context, delivery)
    return { kind: 'known' }
  }
  if (history.suspect && (await context.settlement.latestAttempts(delivery.key)) > history.attempts) {
    await acknowledge(context, delivery)
    return { kind: 'superseded' }
  }
  const resumed = { ...attempt, replaces: before?.seq ?? 0 }
  return history.attempts >= context.retry.maxAttempts ? await deadLetterUnrun(resumed) : await run(resumed)
}

/** Ends an event whose attempts are used up: the last one began, and its process died. */
async function deadLetterUnrun(attempt: Attempt): Promise<Report> {
  const { errors, attempts } = attempt.history
  const last = errors.at(-1) ?? processDied(attempts)
  const report = await deadLetter(attempt, attempts, last.code, last.reason)
  await acknowledge(attempt.context, attempt.delivery)
  return report
}

function processDied(attempt: number): AttemptError {
  return { attempt, code: 'PROCESS_DIED', reason: 'the process died during the execution, or was killed' }
}

async function run(attempt: Attempt): Promise<Report> {
  const { context, delivery, event, history } = attempt
  const release = await context.acquireSlot(history.suspect)
  if (release === undefined) return { kind: 'handed-back' }
  let recorded: number | undefined
  let execution: Execution
  try {
    if (history.suspect) recorded = await recordBeforeRun(attempt)
    execution = await context.execute(delivery.key, event)
  } finally {
    release()
  }
  const report = await settle(attempt, execution)
  await removeRedrivenBody(attempt)
  if (recorded === undefined) await acknowledge(context, delivery)
  else await context.settlement.cancelRetry(recorded)
  return report
}

/**
 * Stores the attempt as a retry before it begins, so that a death of this process counts as an attempt, and acknowledges the
 * delivery. Gives the sequence of that retry.
 */
async function recordBeforeRun({ context, delivery, event, history }: Attempt): Promise<number> {
  const attempts = history.attempts + 1
  const begun = { ...history, attempts, errors: [...history.errors, processDied(attempts)] }
  const recorded = await context.settlement.scheduleRetry(event, begun, context.attemptLimitMs)
  await acknowledge(context, delivery)
  return recorded
}

/** Stores what follows from an execution. */
async function settle(attempt: Attempt, { outcome, durationMs }: Execution): Promise<Report> {
  const { context, event, history } = attempt
  const attempts = history.attempts + 1
  if (outcome.kind !== 'ok') return await fail(attempt, outcome, attempts)
  const time = new Date(context.now()).toISOString()
  const result = resultEvent(context.ref, event, outcome.data, time)
  const facts = { attempts, module: context.module, time }
  const verdict: DoneVerdict = { kind: 'done', result, ...emittedOf(outcome), ...facts }
  const failure = (await verdictFault(context, verdict, history.hops)) ?? (await sendToSink(context, result))
  if (failure !== undefined) return await fail(attempt, failure, attempts)
  const standing = await context.settlement.writeVerdict(event, verdict, attempt.replaces)
  await handOverAll(attempt, standing, standing !== verdict)
  return { kind: 'done', attempts, durationMs }
}

/** Schedules a retry of a failed event, or makes it a dead letter. */
async function fail(attempt: Attempt, failure: Failure, attempts: number): Promise<Report> {
  const { context, event, history } = attempt
  // A retry of an event that has ended meanwhile must not replace a redriven copy among the retries.
  const standing = await context.settlement.readVerdict(event.key)
  if (standing !== undefined && standing.seq !== history.redrive) {
    await handOverAll(attempt, standing.verdict, true) // whoever wrote the verdict may have died before it did so
    return { kind: 'known' }
  }
  const decision = decide(failure, attempts, context.retry, Math.random())
  if (decision.kind === 'dead') return await deadLetter(attempt, attempts, decision.code, decision.reason)
  const fault = { attempt: attempts, code: decision.code, reason: decision.reason }
  const next = { ...history, suspect: false, attempts, errors: [...history.errors, fault] }
  await context.settlement.scheduleRetry(event, next, decision.delayMs)
  return { kind: 'retried', attempt: attempts, delayMs: decision.delayMs, fault }
}

function emittedOf({ emitted = [] }: Extract<Execution['outcome'], { kind: 'ok' }>) {
  if (emitted.length === 0) return {}
  return { emitted: emitted.map(({ event, data }) => ({ event, data: Buffer.from(data) })) }
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
  const verdict: Verdict = { kind: 'dead', code, reason, errors, attempts, module: context.module, time }
  const standing = await context.settlement.writeVerdict(event, verdict, replaces)
  await handOverAll(attempt, standing, true)
  return { kind: 'dead', attempts, fault }
}

/** Hands over what a verdict holds for other events; `again` when that may have happened before. */
async function handOverAll({ context, history }: Attempt, verdict: Verdict, again: boolean): Promise<void> {
  const { ref, output, settlement } = context
  const next = output?.kind === 'event' ? output.ref.event : undefined
  const handOvers = handOversOf(verdict, ref, next, history.hops)
  await Promise.all(handOvers.map((each) => settlement.handOver(each, again)))
}

/**
 * Removes the body of a dead letter that was redriven and is done. It goes before the delivery is acknowledged: a process
 * that dies in between would leave it behind.
 */
async function removeRedrivenBody({ context, delivery, history }: Attempt): Promise<void> {
  if (history.redrive !== undefined) await context.settlement.removeDeadLetterBody(delivery.key)
}

async function acknowledge({ settlement, settled }: AttemptContext, delivery: Delivery): Promise<void> {
  await settlement.acknowledge(delivery)
  settled(delivery)
}
