import { jetstreamManager } from '@nats-io/jetstream'
import t from 'tap'

import { credentials } from '../../functions/identity/issue.ts'
import { decodeKeys } from '../../functions/identity/keys.ts'
import { NAMESPACE_PARTS } from '../../functions/identity/permissions.ts'
import { connectNats } from '../../functions/jetstream/connection.ts'
import { createLog } from '../../functions/process/log.ts'
import { eventKey, eventSubjects, streamNames } from '../../functions/queues/names.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS } from '../../knative/resources/labels.ts'
import { NATS_CREDENTIALS, NATS_KEYS, NATS_SERVER } from '../../knative/resources/nats-identity.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import {
  jobObject,
  moduleBytes,
  moduleConfigMap,
  schemaConfigMap,
  startOperator,
  SYSTEM,
} from '../operator.fixture.ts'
import { createInstallation } from './installation.ts'

interface DataObject extends KubeObject {
  readonly data: Readonly<Record<string, string>>
}

const operator = await startOperator(t, { accounts: true })
const { kube } = operator
await operator.install('knative')
await operator.install('keda')
const own = await operator.api.connect({ context: 'operator' })
/** The queue takes one message of each event: this one is stored already. */
const SUBJECT_TAKEN = 10077
const FACTS = { serversKnowNext: () => Promise.resolve(false), isIssued: false }

async function secret(namespace: string, name: string): Promise<Readonly<Record<string, string>>> {
  const found = await eventually(`the Secret ${name} of ${namespace}`, () =>
    kube.get<DataObject>(KINDS.secret, { namespace, name }),
  )
  return Object.fromEntries(
    Object.entries(found.data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  )
}
async function keysNow() {
  return decodeKeys((await secret(SYSTEM, NATS_KEYS.secret))[NATS_KEYS.keys] ?? '', 'the Secret')
}
async function configNow() {
  const name = { namespace: SYSTEM, name: NATS_SERVER.configMap }
  return (await kube.get<DataObject>(KINDS.configMap, name))?.data ?? {}
}
/** A Job in a namespace of its own, whose queue is ready. */
async function newJob(name: string): Promise<string> {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'ev1', '{}'))
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'ev1.wasm', moduleBytes()))
  const job = jobObject(namespace, name, ['ev1']) as { readonly spec: object }
  const queue = { storage: 'File', maxBytes: '8Mi' } // it outlives its server
  await operator.apply(KINDS.job, { ...job, spec: { ...job.spec, queue } })
  await operator.condition(namespace, name, { type: 'QueueReady', status: 'True' })
  return namespace
}
const as = async (namespace: string, part: string) =>
  await operator.connect((await secret(namespace, NATS_CREDENTIALS))[`${part}.creds`])

t.test('keys are made at the first start, and none of them is in what the servers get', async (t) => {
  const made = await secret(SYSTEM, NATS_KEYS.secret)
  t.same(Object.keys(made).sort(), ['cluster-password', 'keys.json', 'storage.creds'])
  const keys = await keysNow()
  t.match(made['cluster-password'], /^c[0-9a-f]{48}$/)
  const config = await configNow()
  t.equal(config[NATS_SERVER.id], keys.id)
  for (const hidden of [keys.current.secret, made['cluster-password'] ?? ''])
    t.notOk(JSON.stringify(config).includes(hidden))
  await t.resolves(operator.connect(made['storage.creds']), 'the guard of a disk is let in')
  await t.rejects(operator.connect(), { message: /Authorization Violation/ }, 'a stranger is not')
})

t.test('whoever comes second takes the keys that are there', async (t) => {
  const log = createLog('silent', {})
  const [one, two] = [createInstallation(own, SYSTEM, log), createInstallation(own, SYSTEM, log)]
  t.throws(() => one.get(), { code: 'QUEUE_UNAVAILABLE', message: /no keys for NATS yet/ })
  await Promise.all([one.keep(FACTS, new Date()), two.keep(FACTS, new Date())])
  const keys = await keysNow()
  t.same([one.get(), two.get()], [keys, keys])
  t.equal(await two.read(), false, 'nothing has changed')
})

t.test('each namespace has an account, and its Secret', async (t) => {
  const [shop, rival] = [await newJob('orders'), await newJob('orders')]
  for (const namespace of [shop, rival]) {
    const given = await secret(namespace, NATS_CREDENTIALS)
    t.same(Object.keys(given).sort(), NAMESPACE_PARTS.map((part) => `${part}.creds`).sort())
    const manager = await jetstreamManager(await as(namespace, 'cli'))
    const names = []
    for await (const name of manager.streams.names()) if (name.startsWith('JOBICO')) names.push(name)
    t.same(names.sort(), Object.values(streamNames({ namespace, job: 'orders' })).sort(), 'nothing of others')
  }
  const { events } = streamNames({ namespace: shop, job: 'orders' })
  const listener = await as(rival, 'listener')
  await t.rejects(
    listener.request(eventSubjects({ namespace: shop, job: 'orders', event: 'ev1' }).queued('k'), 'x', {
      timeout: 500,
    }),
    'a neighbour can not store anything',
  )
  t.equal((await (await jetstreamManager(await as(shop, 'cli'))).streams.info(events)).state.messages, 0)
  await operator.condition(shop, 'orders', { type: 'ModulesReady', status: 'True' })
  const deployment = await eventually('the runner has its credentials', () =>
    kube.get<KubeObject & { readonly spec: object }>(KINDS.deployment, {
      namespace: shop,
      name: 'runner-ev1',
    }),
  )
  t.match(JSON.stringify(deployment.spec), /"secretName":"jobico-nats"/)
})

t.test('the operator may do this, and nothing else with Secrets', async (t) => {
  const namespace = await operator.newNamespace()
  const theirs = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'theirs' } }
  await kube.create(KINDS.secret, theirs)
  const forbidden = { message: /forbidden/ }
  const apply = { manager: 'x', force: true }
  await t.rejects(own.get(KINDS.secret, theirs.metadata), forbidden)
  await t.rejects(own.get(KINDS.secret, { namespace, name: NATS_CREDENTIALS }), forbidden)
  await t.rejects(own.list(KINDS.secret, { namespace }), forbidden)
  await t.rejects(own.list(KINDS.secret, { namespace: SYSTEM }), forbidden)
  await t.rejects(own.apply(KINDS.secret, theirs, apply), forbidden)
  await t.rejects(own.remove(KINDS.secret, theirs.metadata), forbidden)
  await t.rejects(own.create(KINDS.secret, { ...theirs, metadata: { namespace, name: 'other' } }), forbidden)
  await t.rejects(
    own.apply(KINDS.secret, { ...theirs, metadata: { namespace: SYSTEM, name: NATS_KEYS.secret } }, apply),
    forbidden,
    'keys are never patched',
  )
})

t.test('a Job says that its namespace could not be given credentials', async (t) => {
  const namespace = await operator.newNamespace()
  // The API server takes a Secret of another type for another object: its type can't be changed.
  await kube.create(KINDS.secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'example.org/theirs',
    immutable: true,
    metadata: { namespace, name: NATS_CREDENTIALS },
  })
  await operator.apply(KINDS.job, jobObject(namespace, 'orders', ['ev1']))
  const job = await operator.condition(namespace, 'orders', { type: 'QueueReady', reason: 'Refused' })
  t.match(JSON.stringify(job.status), /refused the Secret jobico-nats/)
})

t.test('a server that has lost the accounts gets them again', async (t) => {
  const namespace = await newJob('found')
  await operator.restartNats({ forgetAccounts: true })
  const cli = await eventually('the namespace is let in again', () =>
    as(namespace, 'cli').catch(() => undefined),
  )
  const { queue } = streamNames({ namespace, job: 'found' })
  const manager = await jetstreamManager(cli)
  t.ok(await eventually('its streams are there', () => manager.streams.info(queue)))
})

t.test('keys are rotated while events come', async (t) => {
  const namespace = await newJob('busy')
  const subjects = eventSubjects({ namespace, job: 'busy', event: 'ev1' })
  // A pod reads the file again for each connection, which the kubelet keeps as the Secret is.
  let file = await secret(namespace, NATS_CREDENTIALS)
  const before = file
  const stopping = new AbortController()
  t.teardown(() => {
    stopping.abort()
  })
  const kubelet = (async () => {
    while (!stopping.signal.aborted) {
      file = await secret(namespace, NATS_CREDENTIALS)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  const listener = await connectNats({
    ...{ url: operator.natsUrl, name: 'listener' },
    credentials: () => file['listener.creds'] ?? '',
  })
  const accepted = new Set<string>()
  const sender = (async () => {
    // As a listener's client does, it sends an event again until it is stored.
    while (!stopping.signal.aborted) {
      const key = eventKey('/test', `n${accepted.size}`)
      const answer = await listener
        .request(subjects.queued(key), '{}', { timeout: 1_000 })
        .then((message) => message.json<{ seq?: number; error?: { err_code?: number } }>())
        .catch(() => undefined)
      if (answer?.seq !== undefined || answer?.error?.err_code === SUBJECT_TAKEN) accepted.add(key)
    }
  })()
  const more = async () => {
    const least = accepted.size + 100
    await eventually('more events are stored', () => Promise.resolve(accepted.size >= least))
  }
  const annotate = (value: string) =>
    kube.patch(
      KINDS.secret,
      { namespace: SYSTEM, name: NATS_KEYS.secret },
      { metadata: { annotations: { [ANNOTATIONS.rotation]: value } } },
    )
  const phase = (wanted: string | undefined) =>
    eventually(
      `the rotation is at ${wanted ?? 'its end'}`,
      async () => {
        const found = await kube.get(KINDS.secret, { namespace: SYSTEM, name: NATS_KEYS.secret })
        return found?.metadata.annotations?.[ANNOTATIONS.rotation] === wanted
      },
      { withinMs: 60_000 },
    )
  const oldKeys = await keysNow()
  await more()
  await annotate('Begin')
  await phase('RestartServers')
  t.equal((await secret(namespace, NATS_CREDENTIALS))['cli.creds'], before['cli.creds'], 'the old key signs')
  await operator.restartNats()
  await phase('Switched')
  await more()
  await eventually('the namespace has new credentials', () =>
    Promise.resolve(file['listener.creds'] !== before['listener.creds']),
  )
  await t.resolves(operator.connect(before['cli.creds']), 'the old ones are still good')
  await annotate('End')
  await phase(undefined)
  await eventually('what the old key has signed is refused', async () => {
    const refused = await operator.connect(before['cli.creds']).then(
      () => false,
      () => true,
    )
    return refused
  })
  await more()
  await operator.restartNats()
  await more()
  stopping.abort()
  await Promise.all([kubelet, sender])
  await listener.close()
  await t.rejects(operator.connect(credentials(oldKeys, 'system', 'operator')), 'nor can it make accounts')
  t.equal((await keysNow()).id, oldKeys.id)
  const manager = await jetstreamManager(await as(namespace, 'cli'))
  const { queue } = streamNames({ namespace, job: 'busy' })
  const left = new Set(accepted)
  const { subjects: stored } = (await manager.streams.info(queue, { subjects_filter: '>' })).state
  for (const key of accepted) if (stored?.[subjects.queued(key)] === 1) left.delete(key)
  t.same([...left], [], `${accepted.size} events are there`)
  await operator.condition(namespace, 'busy', { type: 'QueueReady', status: 'True' })
})

t.test('lost keys are made anew, and the name of the installation stays', async (t) => {
  const namespace = await operator.newNamespace()
  const log = createLog('silent', {})
  const keep = async () => {
    const installation = createInstallation(kube, namespace, log)
    await installation.keep(FACTS, new Date())
    return installation.get()
  }
  const before = await keep()
  t.same(await keep(), before)
  await kube.remove(KINDS.secret, { namespace, name: NATS_KEYS.secret })
  const after = await keep()
  t.equal(after.id, before.id, 'under which streams are stored')
  t.notSame(after.current, before.current)
  await kube.patch(KINDS.secret, { namespace, name: NATS_KEYS.secret }, { data: { 'keys.json': 'e30=' } })
  await t.rejects(keep(), { code: 'CONFIG_INVALID', message: /the Secret jobico-nats-keys does not hold/ })
})
