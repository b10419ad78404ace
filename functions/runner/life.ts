import { eventOfMessage } from '../shared/cloudevent-nats.ts'
import type { CloudEvent, KeyedEvent } from '../shared/cloudevent.ts'
import type { EventRef } from '../shared/names.ts'
import type { AttemptError, Verdict } from '../shared/verdict.ts'
import type { Delivery } from './delivery.ts'
import type { Ledger } from './ledger.ts'
import { unfit, type DoneVerdict } from './fit.ts'
import { handOversOf } from './hand-over.ts'
import { postToSink, type NextEvent, type Output } from './output.ts'
import { decide, type Failure, type RetryPolicy } from './policy.ts'
import type { Execution } from './seat.ts'
import { readHistory, resultEvent, type History } from './result.ts'

/** What happened to an event, for logs and metrics. */
export type Report =
  | { readonly kind: 'done'; readonly attempts: number; readonly durationMs: number }
  | {
      readonly kind: 'retried'
      readonly attempt: number
      readonly delayMs: number
      readonly fault: AttemptError
    }
  | { readonly kind: 'dead'; readonly attempts: number; readonly fault: AttemptError }
  /** Its verdict was there already: nothing ran. */
  | { readonly kind: 'known' }
  /** A process died between storing its next copy and acknowledging this one: nothing ran. */
  | { readonly kind: 'superseded' }
  /** This process is stopping: whoever delivered it is to give it back. */
  | { readonly kind: 'handed-back' }

/** What the life of an event needs around it. */
export interface World {
  readonly ref: EventRef
  readonly ledger: Ledger
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  /** The longest that one attempt may take. */
  readonly passageMs: number
  /** Digest of the module. */
  readonly module: string
  readonly output: Output | undefined
  /** The events into which the module may emit, by name; without what is not served yet. */
  readonly emits: ReadonlyMap<string, NextEvent | undefined>
  /** The most bytes of a result, headers included. */
  readonly maxResultBytes: () => number
  /** The time of the NATS server, in milliseconds since the epoch. */
  readonly now: () => number
  /** Waits for the right to execute, alone where asked; undefined when this process is stopping. */
  readonly enter: (alone: boolean) => Promise<(() => void) | undefined>
  readonly execute: (key: string, event: CloudEvent) => Promise<Execution>
  /** A delivery is settled, and need not be kept alive any more. */
  readonly settled: (delivery: Delivery) => void
}

/** An event on its way through this process. */
interface Passage {
  readonly world: World
  readonly delivery: Delivery
  readonly event: KeyedEvent
  readonly history: History
  /** The sequence of the verdict that this passage may replace; 0 for none. */
  readonly replaces: number
}

/**
 * Takes one delivery to its end: a verdict, a time for its next attempt, or back to the queue. Nothing is acknowledged
 * before what follows from it is stored. Rejects only when the process ends or the message is no event.
 */
export async function live(world: World, delivery: Delivery): Promise<Report> {
  const event = { ...eventOfMessage(delivery.headers, delivery.data), key: delivery.key }
  const found = readHistory(delivery.headers)
  const history = { ...found, suspect: found.suspect || delivery.deliveries > 1 }
  const passage = { world, delivery, event, history, replaces: 0 }
  const handsOver = world.output !== undefined || world.emits.size > 0
  const mayHaveEnded = history.suspect || delivery.source === 'retry' || handsOver
  return mayHaveEnded ? await resume(passage) : await run(passage)
}

/** Takes up an event that somebody may have had in hand before, and may have ended before its result was handed over. */
async function resume(passage: Passage): Promise<Report> {
  const { world, delivery, history } = passage
  const before = await world.ledger.verdict(delivery.key)
  if (before !== undefined && before.seq !== history.redrive) {
    await passOn(passage, before.verdict, true)
    await leaveNoBody(passage)
    await acknowledge(world, delivery)
    return { kind: 'known' }
  }
  if (history.suspect && (await world.ledger.latestAttempts(delivery.key)) > history.attempts) {
    await acknowledge(world, delivery)
    return { kind: 'superseded' }
  }
  const resumed = { ...passage, replaces: before?.seq ?? 0 }
  return history.attempts >= world.retry.maxAttempts ? await buryUnrun(resumed) : await run(resumed)
}

async function buryUnrun(passage: Passage): Promise<Report> {
  const { errors, attempts } = passage.history
  const last = errors.at(-1) ?? processDied(attempts)
  const report = await bury(passage, attempts, last.code, last.reason)
  await acknowledge(passage.world, passage.delivery)
  return report
}

function processDied(attempt: number): AttemptError {
  return { attempt, code: 'PROCESS_DIED', reason: 'the process died during the execution, or was killed' }
}

async function run(passage: Passage): Promise<Report> {
  const { world, delivery, event, history } = passage
  const leave = await world.enter(history.suspect)
  if (leave === undefined) return { kind: 'handed-back' }
  let note: number | undefined
  let execution: Execution
  try {
    if (history.suspect) note = await noteBeforehand(passage)
    execution = await world.execute(delivery.key, event)
  } finally {
    leave()
  }
  const report = await settle(passage, execution)
  await leaveNoBody(passage)
  if (note === undefined) await acknowledge(world, delivery)
  else await world.ledger.cancel(note)
  return report
}

/** Stores the attempt before it begins, so that a death of the process counts, and takes the delivery from the queue. */
async function noteBeforehand({ world, delivery, event, history }: Passage): Promise<number> {
  const attempts = history.attempts + 1
  const noted = { ...history, attempts, errors: [...history.errors, processDied(attempts)] }
  const note = await world.ledger.postpone(event, noted, world.passageMs)
  await acknowledge(world, delivery)
  return note
}

/** Stores what follows from an execution. */
async function settle(passage: Passage, { outcome, durationMs }: Execution): Promise<Report> {
  const { world, event, history } = passage
  const attempt = history.attempts + 1
  if (outcome.kind !== 'ok') return await fail(passage, outcome, attempt)
  const time = new Date(world.now()).toISOString()
  const result = resultEvent(world.ref, event, outcome.data, time)
  const facts = { attempts: attempt, module: world.module, time }
  const verdict: DoneVerdict = { kind: 'done', result, ...emittedOf(outcome), ...facts }
  const failure = unfit(world, verdict, history.hops) ?? (await deliver(world, result))
  if (failure !== undefined) return await fail(passage, failure, attempt)
  const standing = await world.ledger.conclude(event, verdict, passage.replaces)
  await passOn(passage, standing, standing !== verdict)
  return { kind: 'done', attempts: attempt, durationMs }
}

async function fail(passage: Passage, failure: Failure, attempt: number): Promise<Report> {
  const { world, event, history } = passage
  // A copy of an event that has ended meanwhile must not take the place of a redriven copy among the retries.
  const standing = await world.ledger.verdict(event.key)
  if (standing !== undefined && standing.seq !== history.redrive) {
    await passOn(passage, standing.verdict, true) // whoever wrote it may have died before that
    return { kind: 'known' }
  }
  const decision = decide(failure, attempt, world.retry, Math.random())
  if (decision.kind === 'dead') return await bury(passage, attempt, decision.code, decision.reason)
  const fault = { attempt, code: decision.code, reason: decision.reason }
  const past = { ...history, suspect: false, attempts: attempt, errors: [...history.errors, fault] }
  await world.ledger.postpone(event, past, decision.delayMs)
  return { kind: 'retried', attempt, delayMs: decision.delayMs, fault }
}

function emittedOf({ emitted = [] }: Extract<Execution['outcome'], { kind: 'ok' }>) {
  if (emitted.length === 0) return {}
  return { emitted: emitted.map(({ event, data }) => ({ event, data: Buffer.from(data) })) }
}

/** Gives a result to the sink where there is one; undefined when all went well. */
async function deliver({ output, timeoutMs }: World, result: CloudEvent): Promise<Failure | undefined> {
  if (output?.kind !== 'sink' || result.data === undefined) return undefined
  return await postToSink(output.uri, result, timeoutMs)
}

async function bury(
  passage: Passage,
  attempts: number,
  code: AttemptError['code'],
  reason: string,
): Promise<Report> {
  const { world, event, history, replaces } = passage
  const fault = { attempt: attempts, code, reason }
  const isNew = history.errors.at(-1)?.attempt !== attempts
  const errors = isNew ? [...history.errors, fault] : history.errors
  const time = new Date(world.now()).toISOString()
  const verdict: Verdict = { kind: 'dead', code, reason, errors, attempts, module: world.module, time }
  const standing = await world.ledger.conclude(event, verdict, replaces)
  await passOn(passage, standing, true)
  return { kind: 'dead', attempts, fault }
}

/** Hands over what a verdict holds for other events; `again` when that may have happened before. */
async function passOn({ world, history }: Passage, verdict: Verdict, again: boolean): Promise<void> {
  const next = nextOf(world, verdict, history.hops)
  await Promise.all(next.map((each) => world.ledger.handOver(each, again)))
}

function nextOf({ ref, output }: World, verdict: Verdict, hops: number) {
  return handOversOf(verdict, ref, output?.kind === 'event' ? output.ref.event : undefined, hops)
}

/** A redriven event that is done is no dead letter any more. Comes before the acknowledgement, so that no death leaves the body. */
async function leaveNoBody({ world, delivery, history }: Passage): Promise<void> {
  if (history.redrive !== undefined) await world.ledger.removeBody(delivery.key)
}

async function acknowledge({ ledger, settled }: World, delivery: Delivery): Promise<void> {
  await ledger.acknowledge(delivery)
  settled(delivery)
}
