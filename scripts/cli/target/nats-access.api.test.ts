import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { accountOf, credentials } from '../../../functions/identity/issue.ts'
import { eventKey, eventSubjects, streamNames } from '../../../functions/queues/names.ts'
import { KINDS, type Kind } from '../../../knative/kube/kinds.ts'
import { NATS_CREDENTIALS } from '../../../knative/resources/nats-identity.ts'
import {
  jobObject,
  moduleBytes,
  schemaConfigMap,
  startOperator,
  SYSTEM,
} from '../../../operator/operator.fixture.ts'
import { playNats } from '../../testing/forwarded-nats.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { runCli } from '../cli.fixture.ts'

const operator = await startOperator(t, { accounts: true })
const { kube, api } = operator
const folder = testFolder(t, { 'ev1.wasm': Buffer.from(moduleBytes()) })
const RBAC = 'rbac.authorization.k8s.io/v1'
const ROLE: Kind = { apiVersion: RBAC, kind: 'Role', plural: 'roles', namespaced: true }
const BINDING: Kind = { apiVersion: RBAC, kind: 'RoleBinding', plural: 'rolebindings', namespaced: true }

const cli = (...args: readonly string[]) =>
  runCli(args, folder, { environment: { KUBECONFIG: api.kubeconfig } })

/** Lets the user `stranger` do something in a namespace. */
async function grant(namespace: string, name: string, rules: readonly object[]): Promise<void> {
  const user = { manager: 'a-user', force: true }
  const metadata = { namespace, name }
  const group = 'rbac.authorization.k8s.io'
  await kube.apply(ROLE, { apiVersion: RBAC, kind: 'Role', metadata, rules }, user)
  const binding = {
    ...{ apiVersion: RBAC, kind: 'RoleBinding', metadata },
    roleRef: { apiGroup: group, kind: 'Role', name },
    subjects: [{ apiGroup: group, kind: 'User', name: 'stranger' }],
  }
  await kube.apply(BINDING, binding, user)
}

async function newJob(name: string): Promise<string> {
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'ev1', '{}'))
  await operator.apply(KINDS.job, jobObject(namespace, name, ['ev1']))
  await operator.condition(namespace, name, { type: 'QueueReady', status: 'True' })
  return namespace
}

t.before(async () => {
  await playNats(t, api, Number(new URL(operator.natsUrl).port))
  const forward = [
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    { apiGroups: [''], resources: ['pods/portforward'], verbs: ['get', 'create'] },
  ]
  await grant(SYSTEM, 'forward', forward)
})

t.test('whoever may read the Secret of a namespace has its queues, and nobody else', async (t) => {
  const [shop, rival] = [await newJob('orders'), await newJob('orders')]
  const jobs = { apiGroups: ['jobico.coeux.dev'], resources: ['jobs'], verbs: ['get', 'list'] }
  const maps = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }
  for (const namespace of [shop, rival]) await grant(namespace, 'look', [jobs, maps])
  const push = (namespace: string) => cli('push', 'ev1.wasm', '--context', 'stranger', '-n', namespace)
  t.match(await push(shop), {
    code: 1,
    stderr: new RegExp(
      `you may not read the Secret jobico-nats of the namespace ${shop}, whose owners have its queues: .*ask whoever runs the namespace`,
    ),
  })
  const secrets = {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: [NATS_CREDENTIALS],
    verbs: ['get'],
  }
  await grant(shop, 'queues', [secrets])
  t.match(await push(shop), { code: 0, stdout: / sent +orders\/ev1\n/ })
  t.match(await push(rival), { code: 1, stderr: /you may not read the Secret/ })
  t.match(await cli('backup', '-A', '-o', 'all', '--context', 'stranger'), {
    code: 1,
    stderr: /you may not list the Secrets of all namespaces[^]*name one namespace with -n/,
  })
})

t.test('a namespace without a Job has no account yet', async (t) => {
  const namespace = await operator.newNamespace()
  t.match(await cli('push', 'ev1.wasm', '-n', namespace), {
    code: 1,
    stderr: new RegExp(`the namespace ${namespace} has no Secret jobico-nats yet.*apply the Job first`),
  })
})

t.test('a first deployment makes it, and then pushes', async (t) => {
  const namespace = await operator.newNamespace()
  const job = { ...jobObject(namespace, 'fresh', ['ev1']), kind: 'Job' }
  const text = [job, schemaConfigMap(namespace, 'ev1', '{}')]
    .map((each) => JSON.stringify(each))
    .join('\n---\n')
  const place = testFolder(t, { 'job.yaml': text, 'ev1.wasm': Buffer.from(moduleBytes()) })
  const deployed = await runCli(['deploy', 'job.yaml', '-n', namespace, '--timeout', '20'], place, {
    environment: { KUBECONFIG: api.kubeconfig },
  })
  // There is no Knative here, so the Job is never ready.
  t.match(deployed, {
    code: 1,
    stderr: new RegExp(`applied Job ${namespace}/fresh\n[^]*pushed ev1.wasm into ${namespace}`),
  })
})

t.test('a backup of all namespaces, and its restore', async (t) => {
  const namespaces = [await newJob('first'), await newJob('second')]
  const keys = new Map<string, string>()
  for (const [at, namespace] of namespaces.entries()) {
    const listener = await operator.connect(await credentialsOf(namespace, 'listener'))
    const key = eventKey('/test', namespace)
    const subjects = eventSubjects({ namespace, job: at === 0 ? 'first' : 'second', event: 'ev1' })
    await listener.request(subjects.queued(key), '{}')
    keys.set(namespace, key)
  }
  const made = await cli('backup', '-A', '-o', 'all.backup', '--json')
  t.equal(made.code, 0, made.stderr)
  const { jobs } = JSON.parse(made.stdout) as { jobs: { namespace: string; job: string; queued: number }[] }
  for (const namespace of namespaces)
    t.match(
      jobs.find((each) => each.namespace === namespace),
      { queued: 1 },
    )
  t.ok(readFileSync(join(folder, 'all.backup')).length > 0)
  for (const [at, namespace] of namespaces.entries()) {
    const connection = await operator.connect(await credentialsOf(namespace, 'cli'))
    const { queue } = streamNames({ namespace, job: at === 0 ? 'first' : 'second' })
    await connection.request(`$JS.API.STREAM.PURGE.${queue}`)
  }
  const restored = await cli('restore', 'all.backup', '-A', '--json')
  t.equal(restored.code, 0, restored.stderr)
  const report = JSON.parse(restored.stdout) as { jobs: { namespace: string; queued: { stored: number } }[] }
  for (const namespace of namespaces)
    t.match(
      report.jobs.find((each) => each.namespace === namespace),
      { queued: { stored: 1 } },
    )
  t.match(await cli('get', keys.get(namespaces[0] ?? '') ?? '', '-n', namespaces[0] ?? '', '-o', 'json'), {
    code: 0,
    stdout: /"pending"/,
  })
})

t.test('credentials that NATS does not know', async (t) => {
  const namespace = await operator.newNamespace()
  const other = { id: 'a'.repeat(43), current: { secret: 'b'.repeat(43), created: 1 } }
  await kube.create(KINDS.secret, {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: NATS_CREDENTIALS } },
    data: { 'cli.creds': Buffer.from(credentials(other, accountOf(namespace), 'cli')).toString('base64') },
  })
  t.match(await cli('push', 'ev1.wasm', '-n', namespace), {
    code: 1,
    stderr: /NATS refused the credentials of the Secret jobico-nats/,
  })
})

async function credentialsOf(namespace: string, part: string): Promise<string> {
  const secret = await kube.get<{ metadata: { name: string }; data?: Record<string, string> }>(KINDS.secret, {
    namespace,
    name: NATS_CREDENTIALS,
  })
  return Buffer.from(secret?.data?.[`${part}.creds`] ?? '', 'base64').toString()
}
