import t from 'tap'

import { NAMESPACE, startApiServer } from '../../scripts/testing/api-server.fixture.ts'
import type { RequestInfo, WatchEvent } from './client.ts'
import { KINDS } from './kinds.ts'
import type { KubeObject } from './object.ts'

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

const BIG = 'x'.repeat(900_000)

const server = await startApiServer(t)
const requests: RequestInfo[] = []
const kube = await server.connect({ onRequest: (request) => requests.push(request) })
const stranger = await server.connect({ context: 'stranger' })

function configMap(name: string, data: ConfigMap['data'] = {}, labels?: Record<string, string>) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels }, data }
}

async function collect<T>(events: AsyncIterable<T>, count: number): Promise<T[]> {
  const seen: T[] = []
  for await (const event of events) {
    seen.push(event)
    if (seen.length === count) break
  }
  return seen
}

t.test('objects are made, read, changed and removed', async (t) => {
  const name = { namespace: 'default', name: 'one' }
  t.equal(await kube.get(KINDS.configMap, name), undefined)
  const made = await kube.create<ConfigMap>(KINDS.configMap, { metadata: { name: 'one' }, data: { a: '1' } })
  t.match(await kube.get(KINDS.configMap, name), { metadata: name, data: { a: '1' } })
  await t.rejects(kube.create(KINDS.configMap, configMap('one')), {
    name: 'KubeError',
    status: 409,
    reason: 'AlreadyExists',
    message: 'configmaps "one" already exists',
  })

  const patched = await kube.patch<ConfigMap>(KINDS.configMap, name, { data: { b: '2' } })
  t.same(patched.data, { a: '1', b: '2' })
  await t.rejects(kube.replace(KINDS.configMap, { ...made, data: {} }), {
    status: 409,
    reason: 'Conflict',
    name: 'KubeError',
  })
  t.same((await kube.replace<ConfigMap>(KINDS.configMap, { ...patched, data: { c: '3' } })).data, { c: '3' })

  await kube.remove(KINDS.configMap, name, { uid: 'another' })
  t.ok(await kube.get(KINDS.configMap, name), 'another object of the name stays')
  await kube.remove(KINDS.configMap, name, { uid: made.metadata.uid ?? '', propagation: 'Background' })
  t.equal(await kube.get(KINDS.configMap, name), undefined)
  await kube.remove(KINDS.configMap, name)
})

t.test('apply owns fields', async (t) => {
  const apply = (manager: string, a: string, more: { force?: boolean; dryRun?: boolean } = {}) =>
    kube.apply<ConfigMap>(KINDS.configMap, configMap('applied', { a }), { manager, force: false, ...more })
  t.same((await apply('me', '0', { dryRun: true })).data, { a: '0' })
  t.equal(await kube.get(KINDS.configMap, { namespace: 'default', name: 'applied' }), undefined)
  const first = await apply('me', '1')
  t.equal((await apply('me', '1')).metadata.resourceVersion, first.metadata.resourceVersion)
  await t.rejects(apply('other', '2'), {
    status: 409,
    reason: 'Conflict',
    message: /conflict with "me".*: \.data\.a/,
  })
  t.same((await apply('other', '2', { force: true })).data, { a: '2' })
})

t.test('the status is applied on its own', async (t) => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', namespace: 'default' } }
  await kube.create(KINDS.pod, { ...pod, spec: { containers: [{ name: 'a', image: 'b' }] } })
  const options = { manager: 'me', force: false, subresource: 'status' } as const
  const applied = await kube.apply(KINDS.pod, { ...pod, status: { message: 'hello' } }, options)
  t.match(applied, { status: { message: 'hello' }, spec: { containers: [{ name: 'a' }] } })
})

t.test('lists are whole, however long', async (t) => {
  const names = Array.from({ length: 501 }, (_, index) => `many-${String(index).padStart(3, '0')}`)
  await kube.create(NAMESPACE, { metadata: { name: 'many' } })
  const labels = { jobico: 'many' }
  for (const name of names)
    await kube.create(KINDS.configMap, { metadata: { name, namespace: 'many', labels }, data: { a: '1' } })
  await kube.create(KINDS.configMap, { metadata: { name: 'other', namespace: 'many' } })

  const all = await kube.list<ConfigMap>(KINDS.configMap, { namespace: 'many', labels: 'jobico=many' })
  t.same(
    all.items.map(({ metadata }) => metadata.name),
    names,
  )
  t.match(all.items[500], { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } })
  t.match(all.resourceVersion, /^\d+$/)
  const { items } = await kube.list<ConfigMap>(KINDS.configMap, { labels: 'jobico', metadataOnly: true })
  t.equal(items.length, 501, 'of all namespaces')
  t.match(items[0], { apiVersion: 'v1', kind: 'ConfigMap', metadata: { labels }, data: undefined })
})

t.test('a watch brings what happens, in pieces of any size', async (t) => {
  const { resourceVersion } = await kube.list(KINDS.configMap, {})
  const signal = new AbortController().signal
  const selection = { namespace: 'default', labels: 'seen', resourceVersion, signal }
  const whole = collect(kube.watch<ConfigMap>(KINDS.configMap, selection), 3)
  const parts = collect(kube.watch<ConfigMap>(KINDS.configMap, { ...selection, metadataOnly: true }), 3)
  const name = { namespace: 'default', name: 'watched' }
  await kube.create(KINDS.configMap, configMap('watched', { BIG }, { seen: 'yes' }))
  await kube.create(KINDS.configMap, configMap('unseen', { BIG }))
  await kube.patch(KINDS.configMap, name, { data: { small: 'é' } })
  await kube.remove(KINDS.configMap, name)
  const types = (events: WatchEvent<ConfigMap>[]) => events.map(({ type }) => type)
  t.same(types(await whole), ['ADDED', 'MODIFIED', 'DELETED'])
  t.same(types(await parts), ['ADDED', 'MODIFIED', 'DELETED'])
  t.match((await whole)[1], { object: { kind: 'ConfigMap', data: { BIG, small: 'é' } } })
  t.match((await parts)[1], { object: { kind: 'ConfigMap', metadata: name, data: undefined } })
})

t.test('a watch ends when it is told to', async (t) => {
  const { resourceVersion } = await kube.list(KINDS.configMap, {})
  const stop = new AbortController()
  const selection = { resourceVersion, signal: stop.signal }
  const watching = collect(kube.watch(KINDS.configMap, selection), 2)
  await kube.create(KINDS.configMap, configMap('last'))
  setImmediate(() => stop.abort())
  t.ok((await watching).length < 2)
  t.same(await collect(kube.watch(KINDS.configMap, selection), 1), [])
})

t.test('kinds are found', async (t) => {
  t.same(await kube.findKind('v1', 'Pod'), KINDS.pod)
  t.same(await kube.findKind('apps/v1', 'Deployment'), KINDS.deployment)
  t.match(await kube.findKind('v1', 'Namespace'), { plural: 'namespaces', namespaced: false })
  t.equal(await kube.findKind('serving.knative.dev/v1', 'Service'), undefined)
  t.equal(await kube.findKind('v1', 'Pot'), undefined)
})

t.test('refusals say what the API server says', async (t) => {
  const bad = { metadata: { name: 'Bad', namespace: 'default' } }
  await t.rejects(kube.create(KINDS.configMap, bad), {
    status: 422,
    reason: 'Invalid',
    message: /ConfigMap "Bad" is invalid: metadata\.name/,
  })
  await t.rejects(stranger.list(KINDS.secret, {}), {
    status: 403,
    reason: 'Forbidden',
    message: /User "stranger" cannot list resource "secrets"/,
  })
  await t.rejects(kube.list(KINDS.knativeService, {}), { status: 404, reason: 'NotFound', name: 'KubeError' })
})

t.test('requests are counted', (t) => {
  t.match(
    Map.groupBy(requests, ({ verb, kind, status }) => `${verb} ${kind} ${status}`),
    new Map([
      ['get ConfigMap 200', Array],
      ['get ConfigMap 404', Array],
      ['create ConfigMap 201', Array],
      ['watch ConfigMap 200', Array],
      ['apply ConfigMap 409', Array],
      ['list Service 404', Array],
    ]),
  )
  t.end()
})

t.test('a version that is too old is Gone', async (t) => {
  await server.stop()
  await server.start()
  const old = { resourceVersion: '1', signal: new AbortController().signal }
  await t.rejects(collect(kube.watch(KINDS.configMap, old), 1), { status: 410, message: /too old/ })
})

t.test('objects that are too large together are read in smaller pages', async (t) => {
  const labels = { large: 'yes' }
  const names = Array.from({ length: 20 }, (_each, index) => `large-${index + 10}`)
  for (const name of names) await kube.create(KINDS.configMap, configMap(name, { big: BIG }, labels))
  const { items } = await kube.list<ConfigMap>(KINDS.configMap, { namespace: 'default', labels: 'large' })
  t.same(
    items.map(({ metadata, data }) => [metadata.name, data?.['big']?.length]),
    names.map((name) => [name, BIG.length]),
  )
  const alone = { namespace: 'default', name: 'large-10' }
  t.equal((await kube.get<ConfigMap>(KINDS.configMap, alone, { metadataOnly: true }))?.data, undefined)
  for (const name of names) await kube.remove(KINDS.configMap, { namespace: 'default', name })
})
