import t from 'tap'

import type { Job, JobEvent } from '../../crds/job.ts'
import { runnerDeployment } from './deployment.ts'
import { ANNOTATIONS } from './labels.ts'
import { eventOf, jobOf, MODULE, PLATFORM, SCHEMA } from './plans.fixture.ts'
import type { PodSpec } from './pod.ts'
import { containerOf, emitterOf, ENV, envOf, OTHERS, OUTPUTS, runner, runnerOf } from './runner.fixture.ts'
import { runnerScaledObject } from './scaled-object.ts'
import { schemaCopy, schemaDigest } from './schema-copy.ts'
import { listenerService } from './service.ts'

const TOKENS = { secretKeyRef: { name: 'tokens', key: 'valid' } }
const listenerOf = (event: JobEvent, job = jobOf(event)) =>
  listenerService({ job, event, schema: SCHEMA }, PLATFORM)
const scalingOf = (event: JobEvent, platform = PLATFORM) =>
  runnerScaledObject({ job: jobOf(event), event, module: MODULE, output: undefined, others: [] }, platform)

const podOf = (listener: ReturnType<typeof listenerOf>) => listener.spec.template?.spec as PodSpec
const listener = (changes: Partial<JobEvent['listener']>) =>
  eventOf({ listener: { ...eventOf().listener, ...changes } })
/** Every object that the builders can make of some telling events. */
const OBJECTS = [
  eventOf(),
  eventOf({ name: 'Ev1', env: ENV }),
  listener({ visibility: 'ClusterLocal', auth: TOKENS }),
].flatMap((event) => [
  listenerOf(event),
  ...OUTPUTS.map((output) => runnerOf(event, output)),
  emitterOf(event),
  scalingOf(event),
  schemaCopy(jobOf(event), event, schemaDigest('{}'), '{}'),
])
const PODS = OBJECTS.flatMap((object) => {
  if (object.kind === 'Service') return [podOf(object)]
  return object.kind === 'Deployment' ? [object.spec.template.spec] : []
})

t.test('objects are plain JSON, the same for the same plan', (t) => {
  const event = Object.freeze(eventOf({ env: ENV }))
  const job: Job = Object.freeze(jobOf(event))
  const make = () => [
    listenerService({ job, event, schema: SCHEMA }, PLATFORM),
    runnerDeployment({ job, event, module: MODULE, output: OUTPUTS[1], others: OTHERS }, PLATFORM),
    runnerScaledObject({ job, event, module: MODULE, output: undefined, others: [] }, PLATFORM),
  ]
  t.equal(JSON.stringify(make()), JSON.stringify(make()))
  for (const object of OBJECTS) {
    t.strictSame(JSON.parse(JSON.stringify(object)), object, `${object.kind} ${object.metadata.name}`)
    t.notOk(/"value":""|:\[\]|:\{\}/.test(JSON.stringify(object)), 'nothing that a server leaves out')
  }
  t.end()
})

t.test('children belong to the Job and say whose they are', (t) => {
  for (const { kind, metadata } of OBJECTS) {
    t.match(metadata.ownerReferences, [
      { apiVersion: 'jobico.coeux.dev/v1', kind: 'Job', name: 'orders', uid: /^6f1b/, controller: true },
    ])
    t.match(metadata, {
      namespace: 'shop',
      labels: { 'app.kubernetes.io/managed-by': 'jobico-operator', 'jobico.coeux.dev/job': 'orders' },
    })
    t.match(metadata.name, kind === 'Service' || kind === 'ConfigMap' ? /^listener-ev1/ : /^runner-ev1/)
  }
  t.match(listenerOf(eventOf({ name: 'Ev1' })).metadata.name, /^listener-ev1-[a-z2-7]{5}$/)
  t.equal(listenerOf(eventOf()).metadata.annotations?.[ANNOTATIONS.schema], SCHEMA.digest)
  t.match(runnerOf(eventOf()).metadata.annotations, {
    [ANNOTATIONS.module]: MODULE.digest,
    [ANNOTATIONS.emits]: undefined,
  })
  const { metadata, ...rest } = jobOf(eventOf())
  const unsaved: Job = { ...rest, metadata: { name: metadata.name } }
  t.throws(() => listenerOf(eventOf(), unsaved), /has no uid yet/)
  t.end()
})

t.test('pods meet the restricted Pod Security Standard, and know nothing of the cluster', (t) => {
  t.ok(PODS.length > 10)
  for (const pod of PODS) {
    t.match(pod, { automountServiceAccountToken: false, enableServiceLinks: false })
    t.strictSame(containerOf(pod).securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const { configMap, secret, name, ...others } of pod.volumes ?? []) {
      t.ok(configMap ?? secret, name)
      t.strictSame(others, {}, 'no other kind of volume')
    }
    const mounts = containerOf(pod).volumeMounts ?? []
    t.ok(mounts.every(({ readOnly }) => readOnly === true))
    t.strictSame(
      mounts.map(({ name }) => name),
      (pod.volumes ?? []).map(({ name }) => name),
    )
  }
  t.end()
})

t.test('Knative takes the pod: no field that it masks, no name or port that it keeps', (t) => {
  const allowed = ['automountServiceAccountToken', 'containerConcurrency', 'containers', 'enableServiceLinks']
  for (const object of OBJECTS.filter(({ kind }) => kind === 'Service')) {
    const pod = podOf(object as ReturnType<typeof listenerOf>)
    t.strictSame(Object.keys(pod).sort(), [...allowed, 'timeoutSeconds', 'volumes'])
    t.notOk(Object.keys(envOf(pod)).some((name) => name === 'PORT' || name.startsWith('K_')))
    t.strictSame(containerOf(pod).ports, [{ containerPort: 8080 }])
  }
  t.end()
})

t.test('what a listener is told', (t) => {
  const base = {
    NATS_URL: PLATFORM.natsUrl,
    NATS_CREDS_FILE: '/etc/jobico/nats/nats.creds',
    LOG_LEVEL: 'info',
    METRICS_PORT: '9464',
    JOBICO_NAMESPACE: 'shop',
    JOBICO_JOB: 'orders',
    JOBICO_EVENT: 'ev1',
    JOBICO_SCHEMA: '/etc/jobico/schema/schema.json',
    JOBICO_MAX_IN_FLIGHT: '100',
    JOBICO_EXPOSE_RESULTS: 'false',
  }
  const open = { ...base, JOBICO_EXPOSE_RESULTS: 'true' }
  const cases = [
    { name: 'strangers see no results', event: eventOf(), env: base },
    { name: 'the cluster does', event: listener({ visibility: 'ClusterLocal' }), env: open },
    {
      name: 'and who has a token',
      event: listener({ auth: TOKENS }),
      env: { ...open, JOBICO_AUTH_FILE: '/etc/jobico/auth/tokens' },
    },
  ]
  for (const { name, event, env } of cases) t.strictSame(envOf(podOf(listenerOf(event))), env, name)
  t.end()
})

t.test('a NATS that lets everybody in needs no credentials', (t) => {
  const open = { ...PLATFORM, natsCredentials: false }
  const plan = { job: jobOf(eventOf()), event: eventOf() }
  const pods = [
    podOf(listenerService({ ...plan, schema: SCHEMA }, open)),
    runnerDeployment({ ...plan, module: MODULE, output: undefined, others: [] }, open).spec.template.spec,
  ]
  for (const pod of pods) {
    t.notOk('NATS_CREDS_FILE' in envOf(pod))
    t.notMatch(JSON.stringify(pod), /jobico-nats/)
  }
  t.end()
})

t.test('how a listener is served', (t) => {
  const of = (event: JobEvent) => {
    const { metadata, spec } = listenerOf(event)
    return { labels: metadata.labels ?? {}, template: spec.template?.metadata, pod: podOf(listenerOf(event)) }
  }
  t.notHas(of(eventOf()).labels, { 'networking.knative.dev/visibility': 'cluster-local' })
  t.match(of(listener({ visibility: 'ClusterLocal' })).labels, {
    'networking.knative.dev/visibility': 'cluster-local',
  })
  t.match(of(listener({ minReplicas: 2, maxReplicas: 7 })).template, {
    labels: { event: 'ev1', 'app.kubernetes.io/component': 'listener' },
    annotations: {
      'autoscaling.knative.dev/min-scale': '2',
      'autoscaling.knative.dev/max-scale': '7',
      'autoscaling.knative.dev/target-burst-capacity': '-1',
    },
  })
  const { pod } = of(listener({ auth: TOKENS }))
  t.strictSame(pod.volumes, [
    {
      name: 'schema',
      configMap: { name: SCHEMA.configMap, items: [{ key: 'schema.json', path: 'schema.json' }] },
    },
    { name: 'auth', secret: { secretName: 'tokens', items: [{ key: 'valid', path: 'tokens' }] } },
    {
      name: 'nats',
      secret: { secretName: 'jobico-nats', items: [{ key: 'listener.creds', path: 'nats.creds' }] },
    },
  ])
  const { image, command, readinessProbe } = containerOf(pod)
  t.strictSame([image, command], [PLATFORM.image, ['node', '/app/listener.js']])
  t.strictSame(
    readinessProbe,
    { httpGet: { path: '/health/started', port: 8080 } },
    'asked as often as can be',
  )
  t.end()
})

t.test('a runner is scaled by what waits and runs, as the scaler tells it', (t) => {
  const { spec } = scalingOf(
    runner({ minReplicas: 1, maxReplicas: 30, concurrency: 8, cooldownSeconds: 90 }, { name: 'Ev1' }),
    { ...PLATFORM, scalerAddress: 'scaler.example:1' },
  )
  t.strictSame(spec.triggers, [
    {
      type: 'external-push',
      metadata: { scalerAddress: 'scaler.example:1', job: 'orders', event: 'Ev1', target: '16' },
    },
  ])
  t.match(spec, {
    scaleTargetRef: { kind: 'Deployment', name: /^runner-ev1-/ },
    minReplicaCount: 1,
    maxReplicaCount: 30,
    cooldownPeriod: 90,
    fallback: { replicas: 1 },
  })
  t.end()
})

t.test('all pods that may come do so at once, and none goes before the cooldown is over', (t) => {
  const cases = [
    { event: runner({}), up: 10, down: 60, fallback: 1 },
    { event: runner({ maxReplicas: 1_000, cooldownSeconds: 86_400 }), up: 1_000, down: 3_600, fallback: 1 },
    { event: runner({ minReplicas: 3, cooldownSeconds: 30 }), up: 10, down: 30, fallback: 3 },
  ]
  for (const { event, up, down, fallback } of cases) {
    const { spec } = scalingOf(event)
    t.match(spec.advanced?.horizontalPodAutoscalerConfig?.behavior, {
      scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: up }] },
      scaleDown: { stabilizationWindowSeconds: down },
    })
    t.equal(spec.fallback?.replicas, fallback)
  }
  t.end()
})

t.test('the copy of a schema is named for what is in it, and never changes', (t) => {
  const [one, other] = ['{}', '{ }'].map((text) =>
    schemaCopy(jobOf(eventOf()), eventOf(), schemaDigest(text), text),
  )
  t.match(one, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    immutable: true,
    data: { 'schema.json': '{}' },
    metadata: {
      name: /^listener-ev1-[0-9a-f]{10}$/,
      annotations: { [ANNOTATIONS.schema]: schemaDigest('{}') },
    },
  })
  t.not(one?.metadata.name, other?.metadata.name)
  t.match(schemaDigest(''), /^sha256-e3b0c44298fc1c14/)
  t.end()
})
