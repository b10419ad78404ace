import { median, startListener, WARM_UP_S } from './accept.ts'
import { openPlace } from './place.ts'

/** How long NATS may wait to sync acknowledged data to disk: its default, shorter times, and not at all. */
export const SYNC_INTERVALS = ['2m', '10s', '1s', 'always'] as const
export type SyncInterval = (typeof SYNC_INTERVALS)[number]

/** Measures the requests per second of a listener with each interval in turn, each with a server of its own. */
export async function measureDurability(
  environment: Readonly<Record<string, string | undefined>>,
  seconds: number,
  rounds: number,
): Promise<ReadonlyMap<SyncInterval, number>> {
  const rates = new Map<SyncInterval, number[]>(SYNC_INTERVALS.map((interval) => [interval, []]))
  for (let round = 0; round < rounds; round++)
    for (const [interval, measured] of rates) measured.push(await rateWith(interval, environment, seconds))
  return new Map([...rates].map(([interval, measured]) => [interval, median(measured)]))
}

async function rateWith(
  syncInterval: SyncInterval,
  environment: Readonly<Record<string, string | undefined>>,
  seconds: number,
): Promise<number> {
  const place = await openPlace(environment, { syncInterval })
  const listener = await startListener(place, await place.newJob())
  try {
    await listener.rate(WARM_UP_S)
    return await listener.rate(seconds)
  } finally {
    await listener.stop()
    await place.close()
  }
}
