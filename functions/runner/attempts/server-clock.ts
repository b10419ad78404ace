import { JobicoError } from '../../process/errors.ts'
import type { Requests } from '../../jetstream/requests.ts'

/** The clock of the NATS server: schedules follow it, not the clock of this machine. */
export interface ServerClock {
  /** Milliseconds since the epoch. */
  now(): number
  close(): void
}

const SYNC_MS = 30_000

/** Reads the server's time from a consumer's info, now and every 30 s. Throws QUEUE_UNAVAILABLE if the first read fails. */
export async function createServerClock(
  requests: Requests,
  stream: string,
  consumer: string,
): Promise<ServerClock> {
  let offset = await measureOffset(requests, stream, consumer)
  const timer = setInterval(() => {
    measureOffset(requests, stream, consumer).then(
      (measured) => (offset = measured),
      () => undefined,
    )
  }, SYNC_MS)
  timer.unref()
  return {
    now: () => performance.now() + offset,
    close: () => {
      clearInterval(timer)
    },
  }
}

/** What to add to this process's monotonic clock to get the server's time, exact to half a round trip. */
async function measureOffset(requests: Requests, stream: string, consumer: string): Promise<number> {
  const before = performance.now()
  const answer = await requests.send({ subject: `$JS.API.CONSUMER.INFO.${stream}.${consumer}` })
  const after = performance.now()
  const serverTime = Date.parse(answer.json<{ ts?: string }>().ts ?? '')
  if (Number.isNaN(serverTime))
    throw new JobicoError('QUEUE_UNAVAILABLE', `the stream ${stream} has no consumer ${consumer}`)
  return serverTime - (before + after) / 2
}
