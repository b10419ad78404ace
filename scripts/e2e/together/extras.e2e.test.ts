import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

import t, { type Test } from 'tap'

import { eventKey } from '../../../functions/queues/names.ts'
import { startCase, type Case } from '../case.fixture.ts'
import { jobico } from '../jobico.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { accepted, binaryEvent, jsonOf, send } from '../http.fixture.ts'
import { nodeAddress } from '../kube.fixture.ts'
import { heldVerdicts } from '../../testing/kept-verdicts.fixture.ts'
import { forgetOutcomes, openNats, resultOf, type Nats } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema, secret } from '../objects.fixture.ts'
import { acceptedKeys } from '../scale-from-zero.fixture.ts'

const CHAIN = new URL('../../../wasm-examples/chain/job.yaml', import.meta.url)
const TOKENS = ['first-token', 'second-token']

t.jobs = 3

async function start(t: Test, slug: string): Promise<{ readonly c: Case; readonly nats: Nats }> {
  const c = await startCase(t, slug)
  await c.apply(await modules({ [MODULE]: 'v1' }), schema())
  return { c, nats: await openNats(t, c.namespace) }
}

t.test('a Secret in the environment of a module', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'secret')
  const env = [
    { name: 'PLAIN', value: 'seen by all' },
    { name: 'COLOUR', valueFrom: { secretKeyRef: { name: 'paint', key: 'colour' } } },
  ]
  await c.apply(secret('paint', { colour: 'ultramarine' }), job('painter', [event('ev1', { env })]))
  await c.ready('painter')
  const url = await c.url('painter', 'ev1')
  const keys = [
    await accepted(url, { variable: 'COLOUR' }),
    await accepted(url, { variable: 'PLAIN' }),
    await accepted(url, { variable: 'PATH' }),
  ]
  const verdicts = await nats.ended({ namespace: c.namespace, job: 'painter', event: 'ev1' }, keys)
  t.same(verdicts.map(resultOf), [
    { version: 'v1', value: 'ultramarine' },
    { version: 'v1', value: 'seen by all' },
    { version: 'v1', value: '(none)' },
  ])
})

t.test('a chain of two events', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'chain')
  await c.apply(await modules({ 'signup.wasm': 'signup', 'welcome.wasm': 'welcome' }, 'chain'))
  await c.kubectl('apply', '-f', CHAIN.pathname)
  await c.ready('signup')
  const url = await c.url('signup', 'signup')
  const ref = { namespace: c.namespace, job: 'signup', event: 'signup' }
  const key = await accepted(url, { email: 'ada@example.org', name: 'Ada Lovelace', language: 'es' })
  const [first] = await nats.ended(ref, [key])
  t.same(resultOf(first), { to: 'ada@example.org', firstName: 'Ada', language: 'es' })
  const cause = { source: `/namespaces/${c.namespace}/jobs/signup/events/signup`, id: key }
  const [second] = await nats.ended({ ...ref, event: 'welcome' }, [eventKey(cause.source, cause.id)])
  t.match(resultOf(second), { to: 'ada@example.org', subject: 'Te damos la bienvenida' })
  t.match(second, { result: { attributes: { causationid: key, causationsource: cause.source } } })
})

t.test('an event that a module emits', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'emit')
  await c.apply(schema({ type: 'object', properties: { n: { maximum: 10 } } }, 'small'))
  const small = event('small', { schema: { key: 'small' } })
  await c.apply(job('emitter', [event('ev1'), small]))
  await c.ready('emitter')
  const url = await c.url('emitter', 'ev1')
  const ref = { namespace: c.namespace, job: 'emitter', event: 'ev1' }
  const emittedBy = (key: string) => [
    eventKey(`/namespaces/${c.namespace}/jobs/emitter/events/ev1`, `${key}-1`),
  ]
  const key = await accepted(url, { n: 5, emitTo: 'small' })
  const [first] = await nats.ended(ref, [key])
  t.same(resultOf(first), { version: 'v1', n: 5 })
  const [second] = await nats.ended({ ...ref, event: 'small' }, emittedBy(key))
  t.same(resultOf(second), { version: 'v1', n: 6 })
  const misfit = await accepted(url, { n: 10, emitTo: 'small' })
  const reason = /what it emits does not match the schema of the event small: \/n/
  t.match(await nats.ended(ref, [misfit]), [{ kind: 'dead', code: 'OUTPUT_INVALID', reason }])
  await forgetOutcomes(nats, ref)
})

t.test('an HTTP sink', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'sink')
  const sink = await startSink(t)
  await c.apply(job('sender', [event('ev1', { output: { sink: { uri: sink.url } } })]))
  await c.ready('sender')
  const key = await accepted(await c.url('sender', 'ev1'), { n: 7 })
  const [verdict] = await nats.ended({ namespace: c.namespace, job: 'sender', event: 'ev1' }, [key])
  t.same(resultOf(verdict), { version: 'v1', n: 7 })
  t.match(sink.received, [
    {
      headers: { 'ce-id': key, 'ce-type': 'e2e.made.result', 'content-type': /^application\/json/ },
      body: '{"version":"v1","n":7}',
    },
  ])
})

t.test('a listener that only the cluster reaches, as a sink', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'local')
  const ref = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'listener-back' }
  await c.apply(
    job('back', [event('back', { listener: { visibility: 'ClusterLocal' } })]),
    job('front', [event('front', { output: { sink: { ref } } })]),
  )
  await Promise.all([c.ready('back'), c.ready('front')])
  const inside = await c.url('back', 'back')
  t.match(inside, /\.svc\.cluster\.local/)
  const outside = inside.replace('.svc.cluster.local', '.example.com')
  for (const url of [inside, outside])
    t.match(await send(url, binaryEvent({ n: 1 })), { status: 404 }, 'the public ingress knows nothing of it')

  const key = await accepted(await c.url('front', 'front'), { n: 3 })
  await nats.ended({ namespace: c.namespace, job: 'front', event: 'front' }, [key])
  const back = { namespace: c.namespace, job: 'back' }
  await eventually(
    'the event that the sink got was done',
    async () => (await heldVerdicts(nats.manager, back)) === 1,
  )
})

t.test('a listener with bearer auth', { buffered: true }, async (t) => {
  const { c, nats } = await start(t, 'auth')
  const auth = { secretKeyRef: { name: 'tokens', key: 'tokens' } }
  await c.apply(
    secret('tokens', { tokens: TOKENS.join('\n') }),
    job('guarded', [event('ev1', { listener: { auth } }), event('open')]),
  )
  await c.ready('guarded')
  const url = await c.url('guarded', 'ev1')
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  const without = await send(url, binaryEvent({ n: 1 }))
  t.match(without, { status: 401, headers: { 'www-authenticate': /^Bearer/ } }, 'no token')
  t.match(jsonOf(without), { code: 'UNAUTHORIZED' })
  t.match(await send(url, binaryEvent({ n: 1 }, bearer('wrong'))), { status: 401 }, 'a wrong one')
  for (const token of TOKENS) {
    const answer = await send(url, binaryEvent({ n: 1 }, bearer(token)))
    t.equal(answer.status, 202, answer.text)
    const [key = ''] = acceptedKeys(answer.text)
    await nats.ended({ namespace: c.namespace, job: 'guarded', event: 'ev1' }, [key])
    const at = new URL(answer.headers.location ?? '', url).href
    t.match(await send(at, { method: 'GET' }), { status: 401 }, 'a stranger hears nothing')
    const seen = await send(at, { method: 'GET', headers: bearer(token) })
    t.match(jsonOf(seen), { state: 'done', result: { data: { version: 'v1', n: 1 } } })
  }

  const open = await c.url('guarded', 'open')
  const sent = await send(open, binaryEvent({ n: 2 }))
  const [key = ''] = acceptedKeys(sent.text)
  await nats.ended({ namespace: c.namespace, job: 'guarded', event: 'open' }, [key])
  const stranger = await send(new URL(sent.headers.location ?? '', open).href, { method: 'GET' })
  t.same(jsonOf(stranger), { state: 'done', key, event: 'open' }, 'without auth no result is shown')
})

t.test('the command line on a cluster', { buffered: true }, async (t) => {
  const { c } = await start(t, 'cli')
  await c.apply(job('told', [event('ev1')]))
  await c.ready('told')
  const folder = t.testdir({})
  const cli = (...args: readonly string[]) => jobico(c.namespace, folder, ...args)
  const sent = await cli('send', 'ev1', '--data', '{"n":5}', '--wait')
  t.match(sent, { code: 0, stdout: /"data":\{"version":"v1","n":5\}/ }, sent.stderr)
  const { id } = JSON.parse(sent.stdout) as { readonly id: string }
  t.match(await cli('get', id), { code: 0, stdout: /"state":"done"|done/ })
  t.match(await cli('status', 'told'), { code: 0, stdout: /told[^]*Ready|Ready[^]*told/ })
  t.match(await cli('dead', 'list', 'told'), { code: 0 })
  const bad = await cli('send', 'ev1', '--data', '[]')
  t.match(bad, { code: 1, stderr: /\S/ }, 'what does not match the schema is refused')
})

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A server on the node that pods can reach. */
async function startSink(t: Test): Promise<{ readonly url: string; readonly received: readonly Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.once('end', () => {
      received.push({ headers: request.headers, body })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  return { url: `http://${await nodeAddress()}:${port}/`, received }
}
