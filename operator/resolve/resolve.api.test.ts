import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Objm } from '@nats-io/obj'
import t from 'tap'

import { moduleBucket } from '../../functions/modules/module-store.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { OURS } from '../../knative/resources/labels.ts'
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
await operator.install('knative')
await operator.install('keda')
const nats = await operator.connect()

/** Valid, but its patterns take more memory or time than a check has. */
const costly = (salt: number) =>
  JSON.stringify({
    $comment: String(salt),
    allOf: Array.from({ length: 900 }, (_each, index) => ({
      pattern: `^(${'a|b'.repeat(3)}){1,900}[xyz]{1,${index + 1}}$`,
    })),
  })

t.test('schemas that take too much are faults of their own Jobs only', LIMIT, async (t) => {
  const hostile = await operator.newNamespace()
  const honest = await operator.newNamespace()
  const events = ['a', 'b', 'c', 'd']
  for (const [index, event] of events.entries())
    await operator.apply(KINDS.configMap, schemaConfigMap(hostile, event, costly(index)))
  await operator.apply(KINDS.job, jobObject(hostile, 'bad', events))
  await operator.apply(KINDS.configMap, schemaConfigMap(honest, 'a', '{"type":"object"}'))
  await operator.apply(KINDS.configMap, moduleConfigMap(honest, 'a.wasm', moduleBytes()))
  await operator.apply(KINDS.job, jobObject(honest, 'good', ['a']))
  await operator.condition(honest, 'good', { type: 'SchemasReady', status: 'True' })
  await operator.condition(honest, 'good', { type: 'ModulesReady', status: 'True' })
  const bad = await operator.condition(hostile, 'bad', {
    type: 'SchemasReady',
    status: 'False',
    reason: 'SchemaInvalid',
  })
  const { message = '' } = bad.status?.conditions?.find(({ type }) => type === 'SchemasReady') ?? {}
  t.match(
    message,
    /event [a-d]: .*(10 s|too much memory) to compile; make the schema smaller.* after 2\d{3}-/,
  )
  await operator.apply(KINDS.configMap, schemaConfigMap(hostile, 'a', '{"type":"array"}'))
  await operator.condition(hostile, 'bad', { type: 'SchemasReady', status: 'False' })
})

t.test('an object that is no module is not read', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{}'))
  const buckets = new Objm(jetstream(nats))
  const bucket = await buckets.create(moduleBucket(namespace))
  await bucket.putBlob({ name: 'a.wasm' }, new Uint8Array(65 * 2 ** 20))
  const { state } = await (await jetstreamManager(nats)).streams.info(`OBJ_${moduleBucket(namespace)}`)
  t.ok(state.bytes > 65 * 2 ** 20)
  await operator.apply(KINDS.job, jobObject(namespace, 'shop', ['a']))
  const job = await operator.condition(namespace, 'shop', {
    type: 'ModulesReady',
    status: 'False',
    reason: 'ModuleInvalid',
  })
  const { message } = job.status?.conditions?.find(({ type }) => type === 'ModulesReady') ?? {}
  t.match(message, /a\.wasm has 68157440 bytes, the limit is 67108864/)
})

t.test('what Jobs may reach is a setting, which conditions name', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'jobico-system', name: 'jobico-limits' },
    data: { [namespace]: 'secrets: jobico-\nsinks: https://*.example\nmoduleConfigMaps: good' },
  })
  const [event] = (jobObject(namespace, 'shop', ['a']) as { spec: { events: object[] } }).spec.events
  const job = (more: object) => {
    const object = jobObject(namespace, 'shop', ['a']) as { spec: object }
    return { ...object, spec: { ...object.spec, events: [{ ...event, ...more }] } }
  }
  const apply = (more: object) => operator.apply<KubeObject>(KINDS.job, job(more))
  const messageOf = async (type: string, reason: string) => {
    const found = await operator.condition(namespace, 'shop', { type, reason, status: 'False' })
    return found.status?.conditions?.find((condition) => condition.type === type)?.message
  }
  const secret = (name: string) => ({ secretKeyRef: { name, key: 'k' } })
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{}'))
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes(), 'bad'))
  await apply({})
  t.match(
    await messageOf('ModulesReady', 'ModuleNotFound'),
    /ConfigMap bad is not looked at, .*`moduleConfigMaps`/,
  )
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes(), 'good'))
  await operator.condition(namespace, 'shop', { type: 'ModulesReady', status: 'True' })

  await apply({ listener: { auth: secret('db') } })
  t.match(
    await messageOf('ListenersReady', 'SecretNotAllowed'),
    /listener\.auth names the Secret db, .*`secrets`/,
  )
  const service = await kube.get(KINDS.knativeService, { namespace, name: 'listener-a' })
  t.notMatch(JSON.stringify(service ?? {}), /"secretName":"db"/)
  await apply({ env: [{ name: 'PASSWORD', valueFrom: secret('db') }] })
  t.match(await messageOf('RunnersReady', 'SecretNotAllowed'), /env PASSWORD names the Secret db/)
  t.notMatch(JSON.stringify(await kube.get(KINDS.deployment, { namespace, name: 'runner-a' })), /"db"/)
  await apply({ env: [{ name: 'PASSWORD', valueFrom: secret('jobico-db') }] })
  await operator.condition(namespace, 'shop', {
    type: 'RunnersReady',
    reason: 'NotSeenYet',
    status: 'Unknown',
  })

  await apply({ output: { sink: { uri: 'http://a.example/' } } })
  t.match(await messageOf('RunnersReady', 'SinkNotAllowed'), /only to https:\/\/\*\.example; .*`sinks`/)
  await apply({ output: { sink: { uri: 'http://169.254.169.254/' } } })
  t.match(await messageOf('RunnersReady', 'SinkNotAllowed'), /link-local address, which never takes results/)
})

t.test('the operator keeps no texts of ConfigMaps', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  const events = Array.from({ length: 40 }, (_each, index) => `e${index}`)
  for (const event of events)
    await operator.apply(KINDS.configMap, schemaConfigMap(namespace, event, event + 'x'.repeat(900_000)))
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  await operator.apply(KINDS.job, jobObject(namespace, 'shop', events))
  const job = await operator.condition(namespace, 'shop', { type: 'SchemasReady', reason: 'SchemaInvalid' })
  t.match(job.status?.conditions?.[0]?.message, /event e0: .*is not JSON/)
  await until(async () => {
    const now = await kube.get<LiveJob>(KINDS.job, { namespace, name: 'shop' })
    return now?.status?.events?.every(({ reason }) => reason === 'SchemaInvalid') === true
  })
  const grown = (used() - before) / 2 ** 20
  t.ok(grown < 10, `${grown.toFixed(1)} MiB for 36 MB`)
})

t.test('a ConfigMap that was there before the Job that names it is followed', LIMIT, async (t) => {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{"type":"object"}'))
  await operator.apply(KINDS.job, jobObject(namespace, 'shop', ['a']))
  await operator.condition(namespace, 'shop', { type: 'SchemasReady', status: 'True' })
  const copies = async () => (await kube.list(KINDS.configMap, { namespace, labels: OURS })).items.length
  t.equal(await copies(), 1)
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{"type":"array"}'))
  await until(async () => (await copies()) === 2)
  await kube.remove(KINDS.configMap, { namespace, name: 'schema-a' })
  const wanted = { type: 'SchemasReady', status: 'False', reason: 'ConfigMapMissing' } as const
  await operator.condition(namespace, 'shop', wanted)
})
