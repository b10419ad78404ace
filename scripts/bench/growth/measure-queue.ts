import { eventState } from '../../../functions/outcomes/event-state.ts'
import { verdictHeaders } from '../../../functions/outcomes/verdict.ts'
import { createRequests, type Outgoing } from '../../../functions/jetstream/requests.ts'
import { readBacklog } from '../../../functions/queues/backlog.ts'
import { eventSubjects, resultSource, type EventRef } from '../../../functions/queues/names.ts'
import { median, startListener, WARM_UP_S, type Load } from '../accept.ts'
import { openPlace, type Place } from '../place.ts'
import { fillQueue, keyOf, measureRunner, storeAll } from '../run.ts'
import { processUse } from './use.ts'

const KIB = 1_024
const MIB = 2 ** 20
/** More than any measurement stores, so that nothing is refused. */
const MAX_BYTES = 16 * 2 ** 30
/** How many bytes are run for the rate of a size, and how many events at most. */
const RUN_BYTES = 400 * MIB
const MOST_RUN = 20_000
/** How many events are run for the rate of a queue. */
const RUN = 10_000
const LOOKS = 5
const STATES = 100
/** For how long outcomes are kept, so that none ends while it is measured. */
const KEPT_S = 86_400

/** The sizes of data that are measured, in bytes, and over how many connections they are sent. */
const SIZES = [
  { bytes: KIB, connections: 32 },
  { bytes: 64 * KIB, connections: 16 },
  { bytes: 900 * KIB, connections: 8 },
] as const

/** How fast events with so much data are accepted and run. */
export interface SizeFigures {
  readonly bytes: number
  readonly acceptedPerSecond: number
  readonly runPerSecond: number
}

/** How fast a Job is that has so many events waiting, and so many outcomes. */
export interface QueueFigures {
  readonly waiting: number
  readonly outcomes: number
  readonly acceptedPerSecond: number
  readonly runPerSecond: number
  /** How long the operator's count of what waits takes. */
  readonly lookMs: number
  /** How long it takes to find the state of one event. */
  readonly stateMs: number
  /** Memory of the nats-server. */
  readonly natsMiB: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** What is called while something is measured. */
export interface Reporting<T> {
  readonly progress: (line: string) => void
  /** Called with the figures of each case as they come. */
  readonly onFigures: (figures: T) => Promise<void>
}

/** Measures events of each size, with one listener and one runner. */
export async function measureSizes(
  { seconds }: { readonly seconds: number },
  environment: Environment,
  { progress, onFigures }: Reporting<SizeFigures>,
): Promise<void> {
  for (const { bytes, connections } of SIZES) {
    progress(`events of ${bytes / KIB} KiB`)
    const place = await openPlace(environment)
    try {
      const data = dataOf(bytes)
      const load = { body: `{"data":[${data}]}`, connections }
      const accepted = await acceptRate(place, await place.newJob(MAX_BYTES), { load, seconds })
      const ref = await place.newJob(MAX_BYTES)
      const count = Math.min(MOST_RUN, Math.floor(RUN_BYTES / bytes))
      await fillQueue(place, ref, count, { data: Buffer.from(data) })
      const run = await measureRunner(place, ref, count)
      await onFigures({ bytes, acceptedPerSecond: rounded(accepted), runPerSecond: rounded(run) })
    } finally {
      await place.close()
    }
  }
}

/** Data of so many bytes that the samples' schema takes. */
function dataOf(bytes: number): string {
  const data = (lastName: string) => JSON.stringify({ firstName: 'Andres', lastName })
  return data('x'.repeat(bytes - data('').length))
}

/** Measures a Job with little in it, one with so many events waiting, and one with so many outcomes. */
export async function measureQueue(
  { seconds, events }: { readonly seconds: number; readonly events: number },
  environment: Environment,
  { progress, onFigures }: Reporting<QueueFigures>,
): Promise<void> {
  const cases = [
    { waiting: 0, outcomes: 0 },
    { waiting: events, outcomes: 0 },
    { waiting: 0, outcomes: events },
  ]
  for (const each of cases) {
    progress(`a Job with ${each.waiting} events waiting and ${each.outcomes} outcomes`)
    const place = await openPlace(environment)
    try {
      await onFigures({ ...each, ...(await queueFigures(place, each, seconds)) })
    } finally {
      await place.close()
    }
  }
}

async function queueFigures(
  place: Place,
  { waiting, outcomes }: { readonly waiting: number; readonly outcomes: number },
  seconds: number,
): Promise<Omit<QueueFigures, 'waiting' | 'outcomes'>> {
  const ref = await place.newJob(MAX_BYTES)
  await fillOutcomes(place, ref, outcomes)
  await fillQueue(place, ref, waiting)
  const accepted = await acceptRate(place, ref, { seconds })
  const look = await medianMs(LOOKS, () => readBacklog(place.connection, ref))
  const requests = createRequests(place.connection)
  const known = Math.max(waiting, outcomes, 1)
  const state = await medianMs(STATES, (index) =>
    eventState(requests, ref, keyOf(ref, Math.floor((known * index) / STATES))),
  )
  requests.close()
  const { memoryBytes } = await processUse(place.serverPid)
  if (waiting < RUN) await fillQueue(place, ref, RUN, { first: known })
  const run = await measureRunner(place, ref, RUN)
  return {
    acceptedPerSecond: rounded(accepted),
    runPerSecond: rounded(run),
    lookMs: rounded(look),
    stateMs: rounded(state),
    natsMiB: Math.round(memoryBytes / MIB),
  }
}

/** Stores done outcomes as a runner does, of events with the numbers from 0 on. */
async function fillOutcomes(place: Place, ref: EventRef, count: number): Promise<void> {
  const data = '{"firstName":"Andres","lastName":"Costa"}'
  const message = (index: number): Outgoing => {
    const key = keyOf(ref, index)
    const attributes = {
      specversion: '1.0',
      id: key,
      source: resultSource(ref),
      type: `dev.coeux.jobico.${ref.event}.result`,
      datacontenttype: 'application/json',
    }
    const facts = { attempts: 1, module: `sha256-${'0'.repeat(64)}`, time: '2026-01-01T00:00:00.000Z' }
    const result = { attributes, data: undefined, trace: {} }
    const headers = verdictHeaders({ kind: 'done', result, ...facts })
    headers.set('Nats-TTL', `${KEPT_S}s`)
    return { subject: eventSubjects(ref).record(key, 'done'), headers, payload: data }
  }
  await storeAll(place, count, data.length, message)
}

async function acceptRate(
  place: Place,
  ref: EventRef,
  { load, seconds }: { readonly load?: Load; readonly seconds: number },
): Promise<number> {
  const listener = await startListener(place, ref, load)
  try {
    await listener.rate(WARM_UP_S)
    return await listener.rate(seconds)
  } finally {
    await listener.stop()
  }
}

async function medianMs(count: number, act: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const began = performance.now()
    await act(index)
    times.push(performance.now() - began)
  }
  return median(times)
}

/** Rounds to three digits. */
function rounded(value: number): number {
  return value >= 1_000 ? Math.round(value / 10) * 10 : Number(value.toPrecision(3))
}
