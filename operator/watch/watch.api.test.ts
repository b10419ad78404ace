import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { pino } from 'pino'
import t, { type Test } from 'tap'
import { parse } from 'yaml'

import type { Kube, RequestInfo } from '../../knative/kube/client.ts'
import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { NAMESPACE, startApiServer, until } from '../../scripts/testing/api-server.fixture.ts'
import { startProxy } from './proxy.fixture.ts'
import { watchKind, watchNamespaces, type WatchedKind, type WatchOptions } from './watch.ts'

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

const CRD: Kind = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}
const CRD_FILE = join(import.meta.dirname, '..', '..', 'crds', 'jobs.jobico.coeux.dev.yaml')

const log = pino({ level: 'silent' })
const server = await startApiServer(t)
const direct = await server.connect()

/** A watch that remembers what it told, as `<change> <namespace>/<name> <a>`, and its states. */
function follow(t: Test, kube: Kube, options: Partial<WatchOptions<ConfigMap>> = {}) {
  const told: string[] = []
  const states: string[] = []
  const stop = new AbortController()
  const watched: WatchedKind<ConfigMap> = watchKind<ConfigMap>({
    kube,
    kind: KINDS.configMap,
    selection: { labels: 'test' },
    onChange: ({ metadata, data }, change) =>
      void told.push(`${change} ${metadata.namespace ?? ''}/${metadata.name} ${data?.['a'] ?? ''}`.trim()),
    onState: (state) => void states.push(state),
    log,
    signal: stop.signal,
    ...options,
  })
  t.teardown(async () => {
    stop.abort()
    await watched.ended
  })
  return { ...watched, told, states, stop }
}

/** A namespace of its own, and the means to change what is in it. */
async function newNamespace(name: string) {
  await direct.create(NAMESPACE, { metadata: { name } })
  const object = (of: string, a: string) => ({
    metadata: { name: of, namespace: name, labels: { test: 'yes' } },
    data: { a },
  })
  return {
    namespace: name,
    selection: { namespace: name, labels: 'test' },
    create: (of: string, a: string) => direct.create<ConfigMap>(KINDS.configMap, object(of, a)),
    change: (of: string, a: string) =>
      direct.patch(KINDS.configMap, { namespace: name, name: of }, { data: { a } }),
    remove: (of: string) => direct.remove(KINDS.configMap, { namespace: name, name: of }),
  }
}

t.test('the cache follows', async (t) => {
  const first = await newNamespace('first')
  const second = await newNamespace('second')
  await first.create('one', '1')
  const cache = follow(t, direct)
  t.equal(cache.state(), 'syncing')
  await cache.whenSynced
  t.equal(cache.state(), 'synced')
  await second.create('two', '1')
  await first.change('one', '2')
  await first.create('three', '1')
  await first.remove('three')
  await until(() => cache.told.length === 5)
  t.same(cache.told, [
    'added first/one 1',
    'added second/two 1',
    'changed first/one 2',
    'added first/three 1',
    'removed first/three 1',
  ])
  t.match(cache.get({ namespace: 'first', name: 'one' }), { kind: 'ConfigMap', data: { a: '2' } })
  t.equal(cache.get({ namespace: 'second', name: 'one' }), undefined)
  const names = (namespace?: string) => cache.list(namespace).map(({ metadata }) => metadata.name)
  t.same(names(), ['one', 'two'])
  t.same(names('second'), ['two'])
  t.same(names('third'), [])
  t.same(cache.states, ['synced'])
  cache.stop.abort()
  await cache.ended
})

t.test('a handler that throws harms nobody', async (t) => {
  const space = await newNamespace('throws')
  await space.create('one', '1')
  const boom = () => {
    throw new Error('boom')
  }
  const cache = follow(t, direct, { selection: space.selection, onChange: boom, onState: boom })
  await cache.whenSynced
  await space.create('two', '1')
  await until(() => cache.list().length === 2)
  t.equal(cache.state(), 'synced')
})

t.test('after a time with no network it tells what has changed', async (t) => {
  const space = await newNamespace('cut')
  const gate = await startProxy(t, Number(new URL(server.url).port))
  const requests: RequestInfo[] = []
  const kube = await server.connect({
    kubeconfig: await server.kubeconfigFor(gate.port),
    onRequest: (request) => requests.push(request),
  })
  await space.create('stays', '1')
  await space.create('changes', '1')
  await space.create('goes', '1')
  const cache = follow(t, kube, { selection: space.selection })
  await cache.whenSynced
  cache.told.splice(0)
  gate.close()
  await until(() => cache.state() === 'failing')
  await space.change('changes', '2')
  await space.remove('goes')
  await space.create('comes', '1')
  t.same(cache.told, [])
  gate.open()
  await until(() => cache.state() === 'synced')
  t.same(cache.told.sort(), ['added cut/comes 1', 'changed cut/changes 2', 'removed cut/goes 1'])
  t.same(cache.states, ['synced', 'failing', 'synced'])
  await space.change('stays', '2')
  await until(() => cache.told.includes('changed cut/stays 2'))
  t.ok(requests.some(({ status }) => status === 0))
})

t.test('a watch that the server ends goes on from there, with no new list', async (t) => {
  const space = await newNamespace('resumed')
  let lists = 0
  let watches = 0
  const kube: Kube = {
    ...direct,
    list(...call) {
      lists++
      return direct.list(...call)
    },
    async *watch(kind, selection) {
      watches++
      for await (const event of direct.watch<never>(kind, selection)) {
        yield event
        return
      }
    },
  }
  const cache = follow(t, kube, { selection: space.selection })
  await cache.whenSynced
  for (const name of ['one', 'two', 'three']) await space.create(name, '1')
  await until(() => cache.list().length === 3)
  await until(() => watches === 4)
  t.equal(lists, 1)
  t.same(cache.states, ['synced'])
})

t.test('a watch that is ended at once counts as failed', async (t) => {
  let watches = 0
  const kube: Kube = {
    ...direct,
    async *watch() {
      watches++
      await delay(1)
    },
  }
  const cache = follow(t, kube)
  await until(() => watches === 3)
  t.same(cache.states.slice(0, 4), ['synced', 'failing', 'synced', 'failing'])
})

t.test('the API server is killed and comes back; what it has forgotten is listed again', async (t) => {
  const space = await newNamespace('killed')
  await space.create('one', '1')
  const cache = follow(t, direct, { selection: space.selection })
  await cache.whenSynced
  await server.stop('SIGKILL')
  await until(() => cache.state() === 'failing')
  await server.start()
  await space.change('one', '2')
  await until(() => cache.told.includes('changed killed/one 2'))
  t.equal(cache.state(), 'synced')

  let lists = 0
  const forgetful: Kube = {
    ...direct,
    async list(...call) {
      const listing = await direct.list<never>(...call)
      return lists++ === 0 ? { ...listing, resourceVersion: '1' } : listing
    },
  }
  const old = follow(t, forgetful, { selection: space.selection })
  await old.whenSynced
  await space.create('two', '1')
  await until(() => old.list().length === 2)
  t.equal(lists, 2)
  t.same(old.states, ['synced'], 'a version that is gone is no failure')
})

t.test('a kind that is not installed is waited for', async (t) => {
  const cache = follow(t, direct, { kind: KINDS.job, selection: {} })
  await cache.whenSynced
  t.equal(cache.state(), 'missing')
  const crd = parse(await readFile(CRD_FILE, 'utf8')) as KubeObject
  await direct.create(CRD, crd)
  await until(() => cache.state() === 'synced')
  const events = [{ name: 'ev1', wasm: 'a.wasm', schema: { key: 'a' } }]
  await direct.create(KINDS.job, {
    apiVersion: KINDS.job.apiVersion,
    kind: 'Job',
    metadata: { name: 'job' },
    spec: { events },
  })
  await until(() => cache.told.length === 1)
  await direct.remove(CRD, { namespace: '', name: crd.metadata.name })
  await until(() => cache.state() === 'missing')
  t.same(cache.told, ['added default/job', 'removed default/job'])
  t.same(cache.list(), [])
})

t.test(
  'a namespace that may not be read keeps nobody waiting, and is followed once it is open',
  async (t) => {
    const [open, shut, other] = [
      await newNamespace('open'),
      await newNamespace('shut'),
      await newNamespace('other'),
    ]
    for (const space of [open, shut, other]) await space.create('one', '1')
    const rbac = (kind: string, plural: string): Kind => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind,
      plural,
      namespaced: true,
    })
    const allow = async (namespace: string) => {
      const metadata = { name: 'reader', namespace }
      const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }]
      await direct.create(rbac('Role', 'roles'), { metadata, rules })
      await direct.create(rbac('RoleBinding', 'rolebindings'), {
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'stranger' }],
      })
    }
    await allow('open')
    const stranger = await server.connect({ context: 'stranger' })
    await until(() => stranger.list(KINDS.configMap, { namespace: 'open' }).then(Boolean, () => false))
    const stop = new AbortController()
    const told: string[] = []
    const watched = watchNamespaces<ConfigMap>(
      {
        kube: stranger,
        kind: KINDS.configMap,
        selection: { labels: 'test' },
        onChange: ({ metadata }, change) => void told.push(`${change} ${metadata.namespace ?? ''}`),
        log,
        signal: stop.signal,
      },
      ['open', 'shut'],
    )
    t.teardown(async () => {
      stop.abort()
      await watched.ended
    })
    await watched.whenSynced
    t.equal(watched.state(), 'synced')
    t.same(told, ['added open'])
    t.match(watched.get({ namespace: 'open', name: 'one' }), { data: { a: '1' } })
    t.same([watched.list('shut'), watched.list('other')], [[], []])
    await allow('shut')
    await until(() => watched.list().length === 2)
    t.same(told, ['added open', 'added shut'])
  },
)
