import { median, startListener, WARM_UP_S } from './accept.ts'
import { openPlace, type Place } from './place.ts'
import { fillQueue, measureRunner } from './run.ts'

/** What a listener and a runner do with one nats-server. */
export interface Performance {
  /** Milliseconds from the start of a listener's process until it listens. */
  readonly coldStart: number
  /** Requests per second that the listener accepts. */
  readonly accepted: number
  /** Events per second that the runner settles. */
  readonly run: number
}

/** How much is measured. */
export interface Extent {
  readonly seconds: number
  readonly rounds: number
  /** Events that the runner gets in each round. */
  readonly backlog: number
}

const COLD_STARTS = 5

/** Measures listener and runner with identities in NATS and without, in turns, each with a server of its own; medians of all rounds. */
export async function measureIdentities(
  environment: Readonly<Record<string, string | undefined>>,
  extent: Extent,
): Promise<{ readonly on: Performance; readonly off: Performance }> {
  const measured: { on: Performance[]; off: Performance[] } = { on: [], off: [] }
  for (let round = 0; round < extent.rounds; round++)
    for (const [which, all] of Object.entries(measured)) {
      const place = await openPlace(environment, { identities: which === 'on' })
      try {
        all.push(await measureIn(place, extent))
      } finally {
        await place.close()
      }
    }
  return { on: medians(measured.on), off: medians(measured.off) }
}

async function measureIn(place: Place, { seconds, backlog }: Extent): Promise<Performance> {
  const starts: number[] = []
  for (let start = 0; start < COLD_STARTS; start++) starts.push(await coldStart(place))
  const listener = await startListener(place, await place.newJob())
  await listener.rate(WARM_UP_S)
  const accepted = await listener.rate(seconds)
  await listener.stop()
  const ref = await place.newJob()
  await fillQueue(place, ref, backlog)
  return { coldStart: median(starts), accepted, run: await measureRunner(place, ref, backlog) }
}

async function coldStart(place: Place): Promise<number> {
  const ref = await place.newJob()
  const began = performance.now()
  const listener = await startListener(place, ref)
  const took = performance.now() - began
  await listener.stop()
  return took
}

function medians(all: readonly Performance[]): Performance {
  const of = (name: keyof Performance) => median(all.map((each) => each[name]))
  return { coldStart: of('coldStart'), accepted: of('accepted'), run: of('run') }
}
