import { kill } from 'node:process'

import { status, type ServiceError } from '@grpc/grpc-js'
import t, { type Test } from 'tap'

import { connectNats } from '../../functions/jetstream/connection.ts'
import { createLog } from '../../functions/process/log.ts'
import { startNatsServer, type NatsServer } from '../../scripts/nats-server/start.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { createNatsLinks } from '../nats/links.ts'
import { startScaler } from './scaler.ts'
import { connectKeda, eventStreams, type EventStreams, type KedaClient } from './scaler.fixture.ts'

/** A nats-server, and what writes events into it. */
interface Place extends EventStreams {
  readonly server: NatsServer
  readonly storeDir: string
}

async function startPlace(t: Test): Promise<Place> {
  const storeDir = testFolder(t)
  const server = await startNatsServer({ storeDir })
  const connection = await connectNats({ url: server.url, name: 'test' })
  t.teardown(async () => {
    await connection.close()
    await server.stop()
  })
  return { ...(await eventStreams(connection)), server, storeDir }
}

/** Starts a scaler, as an operator's pod does, and gives a client of it. */
async function startPod(t: Test, { server }: Place) {
  let requests = 0
  const log = createLog('silent', {})
  const links = createNatsLinks({
    ...{ url: server.url, name: 'jobico-operator operator-0', log },
    access: { kind: 'shared', credsFile: undefined },
  })
  const scaler = await startScaler({ links, log, port: 0, onRequests: (count) => (requests += count) })
  const keda = connectKeda(scaler.port)
  t.teardown(async () => {
    keda.close()
    await scaler.close()
    await links.close()
  })
  return { scaler, keda, requests: () => requests }
}

/** Waits until NATS is reached: a new scaler connects while it serves already. */
async function reached(keda: KedaClient, ref: Parameters<KedaClient['pending']>[0]): Promise<void> {
  await eventually('NATS is reached', async () => (await keda.pending(ref)) >= 0, { everyMs: 20 })
}

t.test('what KEDA asks is answered', async (t) => {
  const place = await startPlace(t)
  const { keda } = await startPod(t, place)
  const [ref, other] = await place.make('asked', ['ev1', 'ev2'])
  if (ref === undefined || other === undefined) throw new Error('no events')
  await reached(keda, ref)

  t.equal(await keda.isActive(ref), false)
  t.equal(await keda.pending(ref), 0)
  t.match(await keda.metricSpec(ref, 12), { metricSpecs: [{ metricName: 'pending', targetSize: 12 }] })
  const sequence = await place.accept(ref)
  await place.due(ref, 'b')
  await place.due(ref, 'c')
  t.equal(await keda.isActive(ref), true)
  t.equal(await keda.pending(ref), 3, 'of both streams')
  t.equal(await keda.pending(other), 0, 'and of no other event')
  await place.settle(ref, sequence)
  t.equal(await keda.pending(ref), 2, 'what is settled is not pending')
})

const WAKES: readonly {
  readonly name: string
  readonly store: (place: Place, ref: Parameters<EventStreams['due']>[0]) => Promise<unknown>
}[] = [
  { name: 'an event is accepted', store: (place, ref) => place.accept(ref) },
  { name: 'a retry is due', store: (place, ref) => place.later(ref) },
  { name: 'a dead letter is redriven', store: (place, ref) => place.due(ref) },
]

t.test('a stream says true when the first message is stored', async (t) => {
  const place = await startPlace(t)
  const { scaler, keda } = await startPod(t, place)
  for (const [index, { name, store }] of WAKES.entries())
    await t.test(name, async (t) => {
      const [ref, other] = await place.make(`wake-${index}`, ['ev1', 'ev2'])
      if (ref === undefined || other === undefined) throw new Error('no events')
      const [stream, others] = [keda.stream(ref), keda.stream(other)]
      t.same([await stream.next(), await others.next()], [false, false])
      await store(place, ref)
      t.equal(await stream.next(), true)
      t.equal(await stream.next(), 'end', 'it ends well, so that KEDA opens it again soon')
      const again = keda.stream(ref)
      t.equal(await again.next(), true, 'and is told at once what it was told before')
      t.equal(await keda.isActive(other), false)
      again.cancel()
      others.cancel()
    })
  await eventually('nothing is followed any more', () => Promise.resolve(scaler.followed() === 0))
})

t.test('a stream says false when nothing is pending, and true again later', async (t) => {
  const place = await startPlace(t)
  const { keda } = await startPod(t, place)
  const [ref] = await place.make('again')
  if (ref === undefined) throw new Error('no event')
  const sequence = await place.accept(ref)
  const first = keda.stream(ref)
  t.equal(await first.next(), true, 'of what was there before')
  t.equal(await first.next(), 'end')
  await place.settle(ref, sequence)
  const told = await eventually('it says false', async () => {
    const stream = keda.stream(ref)
    for (;;) {
      const word = await stream.next()
      if (word === 'end') return undefined
      if (!word) return stream
    }
  })
  t.equal(await keda.isActive(ref), false)
  await place.accept(ref, 'b')
  t.equal(await told.next(), true)
})

t.test('an event that nobody runs is told again', async (t) => {
  const place = await startPlace(t)
  const { keda } = await startPod(t, place)
  const [ref] = await place.make('forgotten')
  if (ref === undefined) throw new Error('no event')
  await place.accept(ref)
  const words = async (): Promise<unknown[]> => {
    const stream = keda.stream(ref)
    const heard: unknown[] = []
    do heard.push(await stream.next())
    while (heard.at(-1) !== 'end')
    return heard
  }
  t.same(await words(), [true, 'end'])
  t.same(await words(), [true, true, 'end'], 'what is known, and then a word of its own')
})

t.test('any pod answers, and KEDA is sent away by one that ends', async (t) => {
  const place = await startPlace(t)
  const [one, two] = [await startPod(t, place), await startPod(t, place)]
  const [ref] = await place.make('pods')
  if (ref === undefined) throw new Error('no event')
  const [first, second] = [one.keda.stream(ref), two.keda.stream(ref)]
  t.same([await first.next(), await second.next()], [false, false])
  await one.scaler.close()
  t.equal(await first.next(), 'end', 'well, not with an error')
  await t.rejects(one.keda.pending(ref), { code: status.UNAVAILABLE })
  await place.accept(ref)
  t.equal(await second.next(), true)
  t.equal(await two.keda.pending(ref), 1)
})

t.test('500 events are followed at once, at rest without a request', async (t) => {
  const place = await startPlace(t)
  const { scaler, keda, requests } = await startPod(t, place)
  const names = Array.from({ length: 50 }, (_, event) => `ev${event}`)
  const jobs = await Promise.all(names.slice(0, 10).map((name) => place.make(`many-${name}`, names)))
  const followed = jobs.flat().map((ref) => ({ ref, stream: keda.stream(ref) }))
  for (const { stream } of followed) t.equal(await stream.next(), false)
  t.equal(scaler.followed(), 500)
  const looks = requests()
  t.equal(looks, 500 * 2 * 2, 'two looks at two consumers each, until it is known that nothing is pending')
  for (const { ref } of followed) t.equal(await keda.pending(ref), 0)
  t.equal(requests(), looks, 'and what is known is not asked again')
  await Promise.all(followed.map(({ ref }) => place.accept(ref)))
  for (const { stream } of followed) t.equal(await stream.next(), true)
})

t.test('NATS is killed and comes back', async (t) => {
  const place = await startPlace(t)
  const { keda } = await startPod(t, place)
  const refs = await place.make('killed', ['idle', 'filled', 'later'])
  const [idle, filled, later] = refs
  if (idle === undefined || filled === undefined || later === undefined) throw new Error('no events')
  const streams = new Map(refs.map((ref) => [ref, keda.stream(ref)]))
  for (const stream of streams.values()) t.equal(await stream.next(), false)
  await place.later(later)
  kill(place.server.pid, 'SIGKILL')
  await place.server.ended
  await eventually('KEDA hears UNAVAILABLE, so that its fallback acts', () =>
    keda.isActive(idle).then(
      () => undefined,
      (thrown: unknown) => (thrown as ServiceError).code === status.UNAVAILABLE,
    ),
  )
  await t.rejects(keda.pending(idle), { code: status.UNAVAILABLE })

  const server = await startNatsServer({ storeDir: place.storeDir, port: place.server.port })
  t.teardown(() => server.stop())
  t.equal(await streams.get(later)?.next(), true, 'of what came due meanwhile')
  await place.accept(filled)
  t.equal(await streams.get(filled)?.next(), true, 'of what comes after')
  t.equal(await keda.isActive(idle), false)
  t.equal(await keda.pending(filled), 1)
})

t.test('what is wrong is said', async (t) => {
  const place = await startPlace(t)
  const { keda } = await startPod(t, place)
  const [ref] = await place.make('wrong')
  if (ref === undefined) throw new Error('no event')
  await reached(keda, ref)
  await t.rejects(keda.pending({ ...ref, event: 'ev2' }), {
    code: status.NOT_FOUND,
    details: /JOBICO_scaled_wrong_(QUEUE|EVENTS) has no consumer ev2; see that the condition QueueReady/,
  })
  for (const [name, scalerMetadata] of Object.entries({
    'no Job': { event: 'ev1', target: '1' },
    'a wildcard': { job: '*', event: '>', target: '1' },
    'no target': { job: 'wrong', event: 'ev1', target: '0' },
  })) {
    const object = { name: 'runner-x', namespace: 'scaled', scalerMetadata }
    const fault = {
      code: status.INVALID_ARGUMENT,
      details: /runner-x of the namespace scaled names no event/,
    }
    await t.rejects(keda.call('IsActive', object), fault, name)
    await t.rejects(keda.call('GetMetricSpec', object), fault, name)
    await t.rejects(keda.call('GetMetrics', { scaledObjectRef: object }), fault, name)
    await t.rejects(keda.streamOf(object).next(), fault, name)
  }
  await t.rejects(keda.call('GetMetrics', {}), { code: status.INVALID_ARGUMENT })
})
