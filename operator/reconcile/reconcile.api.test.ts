import { jetstreamManager } from '@nats-io/jetstream'
import t from 'tap'

import { eventSubjects, streamNames, wakeSubject } from '../../functions/queues/names.ts'
import type { SchemaConfigMap } from '../../knative/resources/schema-copy.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, OURS } from '../../knative/resources/labels.ts'
import type { DeploymentObject } from '../../knative/status/observed.ts'
import { until } from '../../scripts/testing/api-server.fixture.ts'
import {
  jobObject,
  moduleBytes,
  moduleConfigMap,
  schemaConfigMap,
  startOperator,
} from '../operator.fixture.ts'
import type { LiveJob } from '../watch/cluster-state.ts'

const operator = await startOperator(t)
const { kube } = operator
/** Enough on a busy machine, where several looks of the operator, 10 s apart, are waited for. */
const LIMIT = { timeout: 180_000 }
const nats = await operator.connect()
const manager = await jetstreamManager(nats)

/** Where an event of the Job shop is stored in its queue. */
function queuedIn(namespace: string): string {
  return eventSubjects({ namespace, job: 'shop', event: 'a' }).queued('a'.repeat(26))
}

async function applyJob(namespace: string, name: string, events: readonly string[]): Promise<LiveJob> {
  for (const event of events)
    await operator.apply(KINDS.configMap, schemaConfigMap(namespace, event, '{"type":"object"}'))
  return await operator.apply<LiveJob>(KINDS.job, jobObject(namespace, name, events))
}

async function readyJob(
  namespace: string,
  name: string,
  events: readonly string[],
  module = moduleBytes(),
): Promise<LiveJob> {
  const files = events.map((event) => moduleConfigMap(namespace, `${event}.wasm`, module, `modules-${event}`))
  for (const file of files) await operator.apply(KINDS.configMap, file)
  await applyJob(namespace, name, events)
  for (const event of events) await served(namespace, event)
  return await operator.condition(namespace, name, { type: 'Ready', status: 'True' })
}

/** Waits until all that serves an event is there, and says that it is ready. */
async function served(namespace: string, event: string): Promise<void> {
  await until(async () => !(await gone(KINDS.knativeService, namespace, `listener-${event}`)))
  await until(async () => !(await gone(KINDS.scaledObject, namespace, `runner-${event}`)))
  await operator.sayReady(namespace)
}

async function digestOf(namespace: string, event: string): Promise<string | undefined> {
  const deployment = await kube.get<DeploymentObject>(KINDS.deployment, {
    namespace,
    name: `runner-${event}`,
  })
  return deployment?.metadata.annotations?.[ANNOTATIONS.module]
}

/** Takes what goes with a Job that is gone: only the API server runs here, and no garbage collector. */
async function collectGarbage(namespace: string, owner: string): Promise<void> {
  const { items } = await kube.list<KubeObject>(KINDS.configMap, { namespace, labels: OURS })
  for (const { metadata } of items)
    if (metadata.ownerReferences?.[0]?.name === owner)
      await kube.remove(KINDS.configMap, { namespace, name: metadata.name })
}

const gone = async (kind: (typeof KINDS)[keyof typeof KINDS], namespace: string, name: string) =>
  (await kube.get(kind, { namespace, name })) === undefined

t.test('without Knative and KEDA a Job says so, and goes on once they are installed', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes()))
  await applyJob(namespace, 'shop', ['a'])
  await operator.condition(namespace, 'shop', {
    type: 'ListenersReady',
    status: 'False',
    reason: 'KnativeMissing',
  })
  await operator.condition(namespace, 'shop', {
    type: 'RunnersReady',
    status: 'False',
    reason: 'KedaMissing',
  })
  await operator.install('knative')
  await operator.install('keda')
  await served(namespace, 'a')
  const job = await operator.condition(namespace, 'shop', { type: 'Ready', status: 'True' })
  t.match(job.status, {
    eventsReady: '1/1',
    pending: 0,
    dead: 0,
    events: [
      { name: 'a', ready: true, url: `http://listener-a.${namespace}.example.com`, module: /^sha256-/ },
    ],
  })
  const { items } = await kube.list<KubeObject>(KINDS.event, { namespace })
  t.ok(items.some((event) => Reflect.get(event, 'reason') === 'KnativeMissing'))
})

t.test('children are owned, labelled, and come back when they are removed or edited', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  const job = await readyJob(namespace, 'shop', ['a'])
  for (const [kind, name] of [
    [KINDS.knativeService, 'listener-a'],
    [KINDS.deployment, 'runner-a'],
    [KINDS.scaledObject, 'runner-a'],
  ] as const) {
    const child = await kube.get<KubeObject>(kind, { namespace, name })
    t.match(child?.metadata, {
      ownerReferences: [{ uid: job.metadata.uid, controller: true }],
      labels: { 'jobico.coeux.dev/event': 'a' },
    })
    await kube.remove(kind, { namespace, name })
    await until(async () => {
      const again = await kube.get<KubeObject>(kind, { namespace, name })
      return again !== undefined && again.metadata.uid !== child?.metadata.uid
    })
  }
  const image = async () => {
    const deployment = await kube.get<KubeObject>(KINDS.deployment, { namespace, name: 'runner-a' })
    return JSON.stringify(deployment).match(/"image":"([^"]*)"/)?.[1]
  }
  await kube.patch(
    KINDS.deployment,
    { namespace, name: 'runner-a' },
    { spec: { minReadySeconds: 7, paused: true, revisionHistoryLimit: 9 } },
  )
  await until(async () => {
    const deployment = await kube.get<KubeObject>(KINDS.deployment, { namespace, name: 'runner-a' })
    return JSON.stringify(deployment).includes('"revisionHistoryLimit":1')
  })
  t.equal(await image(), 'jobico:test')
})

t.test('the replicas of a runner are none at first, and then not ours', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await readyJob(namespace, 'shop', ['a'])
  const replicas = async () =>
    (await kube.get<DeploymentObject>(KINDS.deployment, { namespace, name: 'runner-a' }))?.spec?.replicas
  t.equal(await replicas(), 0)
  await kube.patch(KINDS.deployment, { namespace, name: 'runner-a' }, { spec: { replicas: 3 } })
  const before = await digestOf(namespace, 'a')
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes(1), 'modules-a'))
  await until(async () => (await digestOf(namespace, 'a')) !== before)
  t.equal(await replicas(), 3)
})

t.test('a bad version leaves the one before serving', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await readyJob(namespace, 'shop', ['a'])
  const before = await digestOf(namespace, 'a')
  const service = () => kube.get<KubeObject>(KINDS.knativeService, { namespace, name: 'listener-a' })
  const schema = (await service())?.metadata.annotations?.[ANNOTATIONS.schema]
  await operator.apply(
    KINDS.configMap,
    moduleConfigMap(namespace, 'a.wasm', Buffer.from('no module'), 'modules-a'),
  )
  await operator.condition(namespace, 'shop', {
    type: 'ModulesReady',
    status: 'False',
    reason: 'ModuleInvalid',
  })
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{"type":"objekt"}'))
  const job = await operator.condition(namespace, 'shop', {
    type: 'SchemasReady',
    status: 'False',
    reason: 'SchemaInvalid',
  })
  t.match(job.status?.events, [{ name: 'a', ready: true, module: before, reason: 'SchemaInvalid' }])
  t.match(
    job.status?.conditions?.find(({ type }) => type === 'Ready'),
    {
      status: 'False',
      message: /the earlier version keeps serving/,
    },
  )
  await kube.remove(KINDS.knativeService, { namespace, name: 'listener-a' })
  await kube.remove(KINDS.deployment, { namespace, name: 'runner-a' })
  await until(async () => (await digestOf(namespace, 'a')) === before)
  await until(async () => (await service())?.metadata.annotations?.[ANNOTATIONS.schema] === schema)
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes(2), 'modules-a'))
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{"type":"object","required":["x"]}'))
  await until(async () => (await digestOf(namespace, 'a')) !== before)
  await until(async () => (await service())?.metadata.annotations?.[ANNOTATIONS.schema] !== schema)
  await operator.sayReady(namespace)
  await operator.condition(namespace, 'shop', { type: 'Ready', status: 'True' })
  const copies = await kube.list<SchemaConfigMap>(KINDS.configMap, { namespace, labels: OURS })
  t.same(
    copies.items.map(({ immutable }) => immutable),
    [true, true],
  )
})

t.test('what is wrong is said, and mended without a restart', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.job, jobObject(namespace, 'shop', ['a']))
  await operator.condition(namespace, 'shop', {
    type: 'SchemasReady',
    status: 'False',
    reason: 'ConfigMapMissing',
  })
  const wrongKey = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: 'schema-a' },
    data: { other: '{}' },
  }
  await operator.apply(KINDS.configMap, wrongKey)
  await operator.condition(namespace, 'shop', { type: 'SchemasReady', status: 'False', reason: 'KeyMissing' })
  await operator.condition(namespace, 'shop', {
    type: 'ModulesReady',
    status: 'False',
    reason: 'ModuleNotFound',
  })
  for (const name of ['one', 'two'])
    await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes(), name))
  const job = await operator.condition(namespace, 'shop', {
    type: 'ModulesReady',
    status: 'False',
    reason: 'ModuleAmbiguous',
  })
  t.match(job.status?.conditions?.find(({ type }) => type === 'ModulesReady')?.message, /one and two/)
  await kube.remove(KINDS.configMap, { namespace, name: 'two' })
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{}'))
  await served(namespace, 'a')
  await operator.condition(namespace, 'shop', { type: 'Ready', status: 'True' })
})

t.test('an object that is not ours is left alone', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  const foreign = await operator.apply<KubeObject>(KINDS.knativeService, {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { namespace, name: 'listener-a' },
    spec: { mine: true },
  })
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes()))
  await applyJob(namespace, 'shop', ['a'])
  await operator.condition(namespace, 'shop', {
    type: 'ListenersReady',
    status: 'False',
    reason: 'NameTaken',
  })
  const after = await kube.get<KubeObject>(KINDS.knativeService, { namespace, name: 'listener-a' })
  t.equal(after?.metadata.resourceVersion, foreign.metadata.resourceVersion)
  await kube.remove(KINDS.knativeService, { namespace, name: 'listener-a' })
  await until(async () => !(await gone(KINDS.knativeService, namespace, 'listener-a')))
})

t.test(
  'of two Jobs with one event the one that serves it keeps it, and the other takes over',
  LIMIT,
  async (t) => {
    const namespace = await operator.newNamespace()
    await readyJob(namespace, 'first', ['a'])
    await applyJob(namespace, 'second', ['a', 'b'])
    await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'b.wasm', moduleBytes()))
    const second = await operator.condition(namespace, 'second', {
      type: 'ListenersReady',
      status: 'False',
      reason: 'EventTaken',
    })
    t.match(second.status?.conditions?.find(({ type }) => type === 'ListenersReady')?.message, /Job first/)
    await until(async () => !(await gone(KINDS.knativeService, namespace, 'listener-b')))
    await kube.remove(KINDS.job, { namespace, name: 'first' })
    await until(() => gone(KINDS.job, namespace, 'first'))
    await collectGarbage(namespace, 'first')
    const owner = async () =>
      (await kube.get<KubeObject>(KINDS.knativeService, { namespace, name: 'listener-a' }))?.metadata
        .ownerReferences?.[0]?.name
    await until(async () => (await owner()) === 'second')
  },
)

t.test(
  'an event that leaves its Job loses its listener at once, and its runner when its backlog is done',
  async (t) => {
    const namespace = await operator.newNamespace()
    await readyJob(namespace, 'shop', ['a', 'b'])
    const { queue } = streamNames({ namespace, job: 'shop' })
    nats.publish(queuedIn(namespace), 'x')
    await until(async () => (await manager.streams.info(queue)).state.messages === 1)
    await operator.apply(KINDS.job, jobObject(namespace, 'shop', ['b']))
    await until(() => gone(KINDS.knativeService, namespace, 'listener-a'))
    const job = await operator.condition(namespace, 'shop', { type: 'QueueReady', status: 'True' })
    t.match(
      job.status?.events?.find(({ name }) => name === 'a'),
      { reason: 'Leaving', ready: false },
    )
    t.notOk(await gone(KINDS.deployment, namespace, 'runner-a'))
    t.notOk(await gone(KINDS.knativeService, namespace, 'listener-b'))
    await manager.streams.purge(queue)
    await until(() => gone(KINDS.deployment, namespace, 'runner-a'))
    await until(() => gone(KINDS.scaledObject, namespace, 'runner-a'))
    await until(
      async () => (await manager.consumers.list(queue).next()).map(({ name }) => name).join() === 'b',
    )
  },
)

t.test('events whose modules emit know the others, and leave together', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  const emitting = moduleBytes(0, '(import "jobico" "emit" (func (param i32 i32)))')
  await readyJob(namespace, 'shop', ['a', 'b', 'c'], emitting)
  const emits = async (event: string) => {
    const name = `runner-${event}`
    const deployment = await kube.get<DeploymentObject>(KINDS.deployment, { namespace, name })
    const env = deployment?.spec?.template?.spec?.containers?.[0]?.env ?? []
    return Object.keys(JSON.parse(env.find((each) => each.name === 'JOBICO_EMIT')?.value ?? '{}') as object)
  }
  t.same(await emits('a'), ['b', 'c'])
  t.same(await emits('c'), ['a', 'b'])
  await operator.apply(KINDS.job, jobObject(namespace, 'shop', ['c']))
  for (const event of ['a', 'b']) await until(() => gone(KINDS.deployment, namespace, `runner-${event}`))
  t.same(await emits('c'), [])
})

t.test('a Job whose dead letters are full says so, until there is room again', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await readyJob(namespace, 'shop', ['a'])
  const ref = { namespace, job: 'shop', event: 'a' }
  for (const key of ['a', 'b'])
    nats.publish(eventSubjects(ref).record(key.repeat(26), 'dead'), 'x'.repeat(600_000))
  nats.publish(wakeSubject(ref)) // as NATS does when an event comes, of which they are made
  const full = { type: 'QueueReady', status: 'False', reason: 'DeadLettersFull' } as const
  const { status } = await operator.condition(namespace, 'shop', full)
  t.match(
    status?.conditions?.find(({ type }) => type === 'Ready')?.message,
    /1\.1Mi of 1Mi.*others go on.*`spec\.queue\.maxBytes`/,
  )
  await manager.streams.purge(streamNames(ref).events)
  t.ok(await operator.condition(namespace, 'shop', { type: 'Ready', status: 'True' }))
})

const deletions = [
  { name: 'an empty queue goes with its Job', message: undefined, keeps: false },
  { name: 'a queue with a backlog stays, and a new Job of that name takes it up', message: 'x', keeps: true },
]
for (const { name, message, keeps } of deletions) {
  t.test(name, LIMIT, async (t) => {
    const namespace = await operator.newNamespace()
    await readyJob(namespace, 'shop', ['a'])
    const { queue } = streamNames({ namespace, job: 'shop' })
    if (message !== undefined) {
      nats.publish(queuedIn(namespace), message)
      await until(async () => (await manager.streams.info(queue)).state.messages === 1)
    }
    await kube.remove(KINDS.job, { namespace, name: 'shop' })
    await until(() => gone(KINDS.job, namespace, 'shop'))
    for (const [kind, child] of [
      [KINDS.knativeService, 'listener-a'],
      [KINDS.deployment, 'runner-a'],
      [KINDS.scaledObject, 'runner-a'],
    ] as const)
      t.ok(await gone(kind, namespace, child), child)
    const left = await queues()
    t.equal(left.includes(queue), keeps)
    if (!keeps) return
    t.match((await manager.streams.info(queue)).config.subjects, [/^jobico-queue-closed/])
    await collectGarbage(namespace, 'shop')
    await readyJob(namespace, 'shop', ['a'])
    const { config, state } = await manager.streams.info(queue)
    t.same([config.subjects, state.messages], [[`jobico-queue.${namespace}.shop.>`], 1])
  })
}

async function queues(): Promise<string[]> {
  const names: string[] = []
  for await (const name of manager.streams.names()) names.push(name)
  return names
}
