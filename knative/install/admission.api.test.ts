import t from 'tap'

import type { Job } from '../../crds/job.ts'
import { NAMESPACE, startApiServer, until } from '../../scripts/testing/api-server.fixture.ts'
import { CRD, jobDefinition, openDefinition } from '../../scripts/testing/definitions.ts'
import { installAccess } from '../../scripts/testing/installed-access.fixture.ts'
import { KubeError } from '../kube/client.ts'
import { KINDS, type Kind } from '../kube/kinds.ts'
import type { KubeObject } from '../kube/object.ts'
import { runnerDeployment } from '../resources/deployment.ts'
import { withHash } from '../resources/hash.ts'
import { ANNOTATIONS, MANAGER } from '../resources/labels.ts'
import { NATS_CREDENTIALS, NATS_KEYS, NATS_SERVER } from '../resources/nats-identity.ts'
import { eventOf, jobOf, MODULE, PLATFORM, SCHEMA } from '../resources/plans.fixture.ts'
import { runnerScaledObject } from '../resources/scaled-object.ts'
import { schemaCopy } from '../resources/schema-copy.ts'
import { listenerService } from '../resources/service.ts'

const server = await startApiServer(t)
const admin = await server.connect()
const operator = await server.connect({ context: 'operator' })
const AS_ADMIN = { manager: 'a-user', force: true }
const AS_OPERATOR = { manager: MANAGER, force: true }

for (const name of ['shop', 'shut', 'bank', 'taken'])
  await admin.apply(
    NAMESPACE,
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, ...(name === 'shut' ? { labels: { 'jobico.coeux.dev/closed': 'true' } } : {}) },
    },
    AS_ADMIN,
  )
await admin.apply(CRD, await jobDefinition(), AS_ADMIN)
for (const kind of [KINDS.knativeService, KINDS.scaledObject])
  await admin.apply(CRD, openDefinition(kind), AS_ADMIN)
for (const { apiVersion, kind } of [KINDS.job, KINDS.knativeService, KINDS.scaledObject])
  await until(async () => (await admin.findKind(apiVersion, kind)) !== undefined)
await installAccess(admin, 'registry.example/jobico:1.0.0@sha256:0')

/** A Job as a user makes it. */
async function jobIn(namespace: string): Promise<Job> {
  const { apiVersion, kind, spec } = jobOf(eventOf({ env: [{ name: 'MODE', value: 'x' }] }))
  return await admin.apply<Job & KubeObject>(
    KINDS.job,
    { apiVersion, kind, metadata: { name: 'orders', namespace }, spec },
    AS_ADMIN,
  )
}
const job = await jobIn('shop')
const [event = eventOf()] = job.spec.events

const runner = runnerDeployment({ job, event, module: MODULE, output: undefined, others: [] }, PLATFORM)
const listener = listenerService({ job, event, schema: SCHEMA }, PLATFORM)
const copy = schemaCopy(job, event, SCHEMA.digest, '{}')
const scaled = runnerScaledObject({ job, event, module: MODULE, output: undefined, others: [] }, PLATFORM)

/** An object with other values at paths such as `spec.replicas`; undefined removes. */
function changed(object: KubeObject, changes: Readonly<Record<string, unknown>>): KubeObject {
  const result = structuredClone(object)
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    const parent = keys.reduce<unknown>((at, key) => Reflect.get(at as object, key), result)
    if (value === undefined) Reflect.deleteProperty(parent as object, last)
    else Reflect.set(parent as object, last, value)
  }
  return result
}
const POD = 'spec.template.spec'
const CONTAINER = `${POD}.containers.0`

const asOperator = (kind: Kind, object: KubeObject) => operator.apply(kind, withHash(object), AS_OPERATOR)

/** A Secret as the operator writes it. */
const secretOf = (namespace: string, name: string, type = 'Opaque') => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type,
  metadata: { namespace, name },
  data: { 'cli.creds': 'eA==' },
})
const TOKEN = 'kubernetes.io/service-account-token'
const account = { 'kubernetes.io/service-account.name': 'default' }
/** A Secret as somebody makes it who wants the operator, or who has its token, to read what it holds. */
const tokenOf = (namespace: string) =>
  changed(secretOf(namespace, NATS_CREDENTIALS, TOKEN), { 'metadata.annotations': account })

const users: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'of-a-user', namespace: 'shop' },
}
await admin.apply(KINDS.configMap, users, AS_ADMIN)

t.test('policies come into force', { timeout: 60_000 }, async () => {
  const refuses = (kind: Kind, object: KubeObject, why: string) =>
    until(async () => {
      const refused = await operator.apply(kind, object, { ...AS_OPERATOR, dryRun: true }).then(
        () => undefined,
        (fault: unknown) => (fault instanceof KubeError ? fault.message : undefined),
      )
      return refused?.includes(why) === true
    })
  await refuses(KINDS.configMap, changed(copy, { 'metadata.labels': {} }), 'managed-by')
  // The API server reads what this policy refers to by itself, a moment later.
  const foreign = changed(runner, { [`${CONTAINER}.image`]: 'evil.example/jobico:1.0.0' })
  await refuses(KINDS.deployment, withHash(foreign), 'image that the PodTemplate')
})

t.test('the operator does its work', async (t) => {
  for (const [kind, object] of [
    [KINDS.configMap, copy],
    [KINDS.knativeService, listener],
    [KINDS.deployment, changed(runner, { 'spec.replicas': 0 })],
    [KINDS.scaledObject, scaled],
  ] as const) {
    await t.resolves(asOperator(kind, object), kind.kind)
    await t.resolves(asOperator(kind, changed(object, { 'metadata.annotations': { note: 'x' } })), 'again')
  }
  const metadata = { finalizers: ['jobico.coeux.dev/queue'] }
  await t.resolves(operator.patch(KINDS.job, { namespace: 'shop', name: 'orders' }, { metadata }))
  await t.resolves(
    operator.patch(KINDS.job, { namespace: 'shop', name: 'orders' }, { metadata: { finalizers: [] } }),
  )
  await t.resolves(operator.remove(KINDS.configMap, { namespace: 'shop', name: copy.metadata.name }))
})

t.test('the operator gives NATS and its namespaces what they need', async (t) => {
  const { secret, configMap } = KINDS
  const credentials = secretOf('shop', NATS_CREDENTIALS)
  const system = 'jobico-system'
  for (let times = 0; times < 2; times++) {
    await t.resolves(operator.apply(secret, credentials, AS_OPERATOR))
    const server = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: system, name: NATS_SERVER.configMap },
    }
    await t.resolves(operator.apply(configMap, { ...server, data: { id: `${times}` } }, AS_OPERATOR))
  }
  await t.resolves(operator.create(secret, secretOf(system, NATS_KEYS.secret)))
  const name = { namespace: system, name: NATS_KEYS.secret }
  for (const phase of ['RestartServers', 'Switched', undefined]) {
    const keys = await operator.get<KubeObject>(secret, name)
    if (keys === undefined) throw new Error('the keys are gone')
    const annotations = phase === undefined ? {} : { [ANNOTATIONS.rotation]: phase }
    await t.resolves(operator.replace(secret, changed(keys, { 'metadata.annotations': annotations })))
  }
})

const shut = (object: KubeObject) => changed(object, { 'metadata.namespace': 'shut' })
const secretVolume = [{ name: 'nats', hostPath: { path: '/' } }]
const refusals: readonly {
  readonly name: string
  readonly act: () => Promise<unknown>
  readonly want: RegExp
}[] = [
  {
    name: 'an object that no Job owns',
    act: () => asOperator(KINDS.configMap, changed(copy, { 'metadata.ownerReferences': undefined })),
    want: /that a Job owns/,
  },
  {
    name: 'an object of another owner',
    act: () => asOperator(KINDS.configMap, changed(copy, { 'metadata.ownerReferences.0.kind': 'Pod' })),
    want: /that a Job owns/,
  },
  {
    name: 'a change of what is not its own',
    act: () =>
      operator.patch(KINDS.configMap, { namespace: 'shop', name: 'of-a-user' }, { data: { a: 'b' } }),
    want: /managed-by/,
  },
  {
    name: 'to take over what is not its own',
    act: () => asOperator(KINDS.configMap, changed(copy, { 'metadata.name': 'of-a-user' })),
    want: /managed-by/,
  },
  {
    name: 'to delete what is not its own',
    act: () => operator.remove(KINDS.configMap, { namespace: 'shop', name: 'of-a-user' }),
    want: /managed-by/,
  },
  {
    name: 'anything of the system',
    act: () => asOperator(KINDS.configMap, changed(copy, { 'metadata.namespace': 'kube-system' })),
    want: /no Jobs in this namespace/,
  },
  {
    name: 'anything else of its own namespace',
    act: () => asOperator(KINDS.deployment, changed(runner, { 'metadata.namespace': 'jobico-system' })),
    want: /no Jobs in this namespace/,
  },
  {
    name: 'a copy in a closed namespace',
    act: () => asOperator(KINDS.configMap, shut(copy)),
    want: /closed to Jobico/,
  },
  {
    name: 'a runner in a closed namespace',
    act: () => asOperator(KINDS.deployment, shut(runner)),
    want: /closed/,
  },
  {
    name: 'another account',
    act: () => asOperator(KINDS.deployment, changed(runner, { [`${POD}.serviceAccountName`]: 'builder' })),
    want: /account default, and no token/,
  },
  {
    name: 'a token',
    act: () =>
      asOperator(KINDS.deployment, changed(runner, { [`${POD}.automountServiceAccountToken`]: true })),
    want: /no token/,
  },
  {
    name: 'a token by default',
    act: () =>
      asOperator(
        KINDS.knativeService,
        changed(listener, { [`${POD}.automountServiceAccountToken`]: undefined }),
      ),
    want: /no token/,
  },
  {
    name: 'the network of the node',
    act: () => asOperator(KINDS.deployment, changed(runner, { [`${POD}.hostNetwork`]: true })),
    want: /nothing of the node/,
  },
  {
    name: 'the files of the node',
    act: () => asOperator(KINDS.deployment, changed(runner, { [`${POD}.volumes`]: secretVolume })),
    want: /ConfigMaps and Secrets only/,
  },
  {
    name: 'a projected token',
    act: () =>
      asOperator(
        KINDS.deployment,
        changed(runner, {
          [`${POD}.volumes`]: [
            { name: 'nats', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
          ],
        }),
      ),
    want: /ConfigMaps and Secrets only/,
  },
  {
    name: 'another program',
    act: () =>
      asOperator(KINDS.deployment, changed(runner, { [`${CONTAINER}.command`]: ['sh', '-c', 'id'] })),
    want: /run node/,
  },
  {
    name: 'another image',
    act: () =>
      asOperator(KINDS.deployment, changed(runner, { [`${CONTAINER}.image`]: 'evil.example/jobico:1.0.0' })),
    want: /image that the PodTemplate/,
  },
  {
    name: 'an image of a longer name',
    act: () =>
      asOperator(
        KINDS.knativeService,
        changed(listener, { [`${CONTAINER}.image`]: 'registry.example/jobico/x' }),
      ),
    want: /image that the PodTemplate/,
  },
  {
    name: 'arguments',
    act: () => asOperator(KINDS.knativeService, changed(listener, { [`${CONTAINER}.args`]: ['-e', '1'] })),
    want: /run node/,
  },
  {
    name: 'options of Node',
    act: () =>
      asOperator(
        KINDS.deployment,
        changed(runner, { [`${CONTAINER}.env`]: [{ name: 'NODE_OPTIONS', value: '--import=data:,1' }] }),
      ),
    want: /variables of Jobico/,
  },
  {
    name: 'a second container',
    act: () =>
      asOperator(
        KINDS.deployment,
        changed(runner, { [`${POD}.initContainers`]: [{ name: 'a', image: 'b', command: ['c'] }] }),
      ),
    want: /one container/,
  },
  {
    name: 'privileges',
    act: () =>
      asOperator(
        KINDS.deployment,
        changed(runner, { [`${CONTAINER}.securityContext`]: { allowPrivilegeEscalation: true } }),
      ),
    want: /Pod Security Standard/,
  },
  {
    name: 'another Secret of its own namespace',
    act: () => operator.create(KINDS.secret, secretOf('jobico-system', 'other')),
    want: /may only write the Secret jobico-nats/,
  },
  {
    name: 'credentials where no Jobs may be',
    act: () => operator.apply(KINDS.secret, secretOf('kube-system', NATS_CREDENTIALS), AS_OPERATOR),
    want: /where Jobs may be/,
  },
  {
    name: 'credentials in a closed namespace',
    act: () => operator.apply(KINDS.secret, secretOf('shut', NATS_CREDENTIALS), AS_OPERATOR),
    want: /closed to Jobico/,
  },
  {
    name: 'a Secret into which Kubernetes writes a token',
    act: () => operator.apply(KINDS.secret, tokenOf('bank'), AS_OPERATOR),
    want: /of the type Opaque/,
  },
  {
    name: 'a Secret of another type that has that name, which would be to read it',
    act: async () => {
      await admin.apply(KINDS.secret, tokenOf('taken'), AS_ADMIN)
      const metadata = { labels: { a: 'b' } }
      await operator.patch(KINDS.secret, { namespace: 'taken', name: NATS_CREDENTIALS }, { metadata })
    },
    want: /of the type Opaque/,
  },
  {
    name: 'what a Job says',
    act: () =>
      operator.patch(
        KINDS.job,
        { namespace: 'shop', name: 'orders' },
        { spec: { queue: { maxBytes: '1Gi' } } },
      ),
    want: /what a Job says/,
  },
]
for (const { name, act, want } of refusals)
  t.test(`the operator may not write: ${name}`, async (t) => {
    await t.rejects(act(), { status: 403, message: want })
  })

t.test('nobody else is stopped by the policies', async (t) => {
  const pod = changed(runner, {
    'metadata.name': 'of-a-user',
    'metadata.labels': {},
    'metadata.ownerReferences': undefined,
    [`${POD}.hostNetwork`]: true,
  })
  await t.resolves(admin.apply(KINDS.deployment, pod, AS_ADMIN))
  await t.resolves(
    admin.patch(KINDS.configMap, { namespace: 'shop', name: 'of-a-user' }, { data: { a: 'b' } }),
  )
  await t.resolves(admin.apply(KINDS.secret, { ...users, kind: 'Secret' }, AS_ADMIN))
  await t.resolves(jobIn('shut'))
})
