import { setTimeout as delay } from 'node:timers/promises'

import { connectNats } from '../../functions/jetstream/connection.ts'
import { createLog } from '../../functions/process/log.ts'
import type { EventRef } from '../../functions/queues/names.ts'
import { createNatsLinks } from '../nats/links.ts'
import { startScaler } from './scaler.ts'
import { connectKeda, eventStreams } from './scaler.fixture.ts'

// Prints how long the scaler takes to say that an idle event has its first message, as a line of JSON: the 99th percentile in
// milliseconds from the PubAck, over all events, one after the other. Its argument is the URL of a nats-server.

const JOBS = 10
const EVENTS = 50
const EVERY_MS = 10

const [url = ''] = process.argv.slice(2)
const connection = await connectNats({ url, name: 'bench' })
const streams = await eventStreams(connection)
const refs: EventRef[] = []
for (let job = 0; job < JOBS; job++)
  refs.push(
    ...(await streams.make(
      `wake-${job}`,
      Array.from({ length: EVENTS }, (_, event) => `ev${event}`),
    )),
  )
const log = createLog('silent', {})
const links = createNatsLinks({ url, name: 'bench', log, access: { kind: 'shared', credsFile: undefined } })
const scaler = await startScaler({ links, log, port: 0, onRequests: () => undefined })
const keda = connectKeda(scaler.port)
const followed = refs.map((ref) => ({ ref, stream: keda.stream(ref) }))
for (const { stream } of followed) await stream.next() // that it is idle

const times: number[] = []
for (const { ref, stream } of followed) {
  const told = stream.next().then(() => performance.now())
  await streams.accept(ref)
  const acknowledged = performance.now()
  times.push((await told) - acknowledged)
  await delay(EVERY_MS)
}
times.sort((a, b) => a - b)
process.stdout.write(
  `${JSON.stringify({ events: times.length, p99: times[Math.floor(times.length * 0.99)] })}\n`,
)
keda.close()
await scaler.close()
await links.close()
await connection.close()
