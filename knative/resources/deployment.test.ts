import t from 'tap'

import { ANNOTATIONS } from './labels.ts'
import { eventOf, MODULE, PLATFORM } from './plans.fixture.ts'
import { containerOf, emitterOf, ENV, envOf, OUTPUTS, runner, runnerOf } from './runner.fixture.ts'

t.test('what a runner is told', (t) => {
  const event = eventOf({
    env: ENV,
    timeoutSeconds: 30,
    memory: '1Gi',
    retry: { maxAttempts: 3, minDelaySeconds: 2, maxDelaySeconds: 60 },
  })
  const env = {
    NATS_URL: PLATFORM.natsUrl,
    NATS_CREDS_FILE: '/etc/jobico/nats/nats.creds',
    LOG_LEVEL: 'info',
    METRICS_PORT: '9464',
    JOBICO_NAMESPACE: 'shop',
    JOBICO_JOB: 'orders',
    JOBICO_EVENT: 'ev1',
    JOBICO_MODULE: MODULE.digest,
    JOBICO_TIMEOUT_MS: '30000',
    JOBICO_MEMORY_BYTES: '1073741824',
    JOBICO_CONCURRENCY: '4',
    JOBICO_MAX_ATTEMPTS: '3',
    JOBICO_MIN_DELAY_MS: '2000',
    JOBICO_MAX_DELAY_MS: '60000',
    JOBICO_DONE_RETENTION_S: '86400',
    JOBICO_DEAD_RETENTION_S: '2592000',
    JOBICO_GUEST_PRICE: '$$(PORT) costs $$5',
    JOBICO_GUEST_EMPTY: undefined,
    JOBICO_GUEST_PASSWORD: { secretKeyRef: { name: 'db', key: 'password' } },
    JOBICO_GUEST_REGION: { configMapKeyRef: { name: 'site', key: 'region' } },
  }
  const outputs = [
    undefined,
    '{"event":"ev2","schema":"/etc/jobico/output/schema.json"}',
    '{"sink":"http://sink.example/$$(HOME)"}',
  ]
  for (const [at, output] of outputs.entries()) {
    const pod = runnerOf(event, OUTPUTS[at]).spec.template.spec
    t.strictSame(envOf(pod), { ...env, ...(output === undefined ? {} : { JOBICO_OUTPUT: output }) })
  }
  t.end()
})

t.test('a runner whose module emits has the schemas of the other events', (t) => {
  const { metadata, spec } = emitterOf(eventOf())
  t.match(metadata.annotations, { [ANNOTATIONS.emits]: 'true' })
  const pod = spec.template.spec
  t.match(envOf(pod), {
    JOBICO_OUTPUT: '{"event":"ev2","schema":"/etc/jobico/output/schema.json"}',
    JOBICO_EMIT:
      '{"ev2":"/etc/jobico/emit/ev2/schema.json","Ev3":"/etc/jobico/emit/Ev3/schema.json","ev4":null}',
  })
  t.match(pod.volumes, [
    { name: 'schema', configMap: { name: 'listener-ev2-ababababab' } },
    { name: 'emit-ev2', configMap: { name: 'listener-ev2-ababababab' } },
    { name: /^emit-ev3-[a-z2-7]{5}$/, configMap: { name: 'listener-ev3-xxxxx-ababababab' } },
    { name: 'nats' },
  ])
  t.match(containerOf(pod).volumeMounts, [
    { mountPath: '/etc/jobico/output' },
    { mountPath: '/etc/jobico/emit/ev2' },
    { mountPath: '/etc/jobico/emit/Ev3' },
    { mountPath: '/etc/jobico/nats' },
  ])
  t.end()
})

t.test('how a runner is run', (t) => {
  const { spec } = runnerOf(eventOf(), OUTPUTS[1])
  t.notOk('replicas' in spec, 'the number of pods is KEDA’s')
  const { labels } = spec.template.metadata
  t.match(labels, { ...spec.selector.matchLabels, event: 'ev1', 'app.kubernetes.io/component': 'runner' })
  const pod = spec.template.spec
  t.match(pod.volumes, [
    { configMap: { name: 'listener-ev2-ababababab' } },
    { secret: { secretName: 'jobico-nats', items: [{ key: 'runner.creds' }] } },
  ])
  t.match(pod.topologySpreadConstraints, [
    {
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: spec.selector,
    },
  ])
  t.match(containerOf(pod), {
    image: PLATFORM.image,
    command: ['node', '/app/runner.js'],
    readinessProbe: { httpGet: { path: '/health/ready', port: 9464 } },
    livenessProbe: { httpGet: { path: '/health/live', port: 9464 } },
  })
  const { volumes } = runnerOf(eventOf(), OUTPUTS[2]).spec.template.spec
  t.match(volumes, [{ name: 'nats' }], 'a sink needs no file')
  t.equal(volumes?.length, 1)
  t.end()
})

t.test('a runner has the time to finish what it runs, and the memory', (t) => {
  const cases = [
    { event: eventOf(), output: OUTPUTS[1], grace: 30, requests: '160Mi', limits: '1536Mi' },
    { event: eventOf(), output: OUTPUTS[2], grace: 40, requests: '160Mi', limits: '1536Mi' },
    {
      event: eventOf({ timeoutSeconds: 3_600 }),
      output: OUTPUTS[2],
      grace: 7_220,
      requests: '160Mi',
      limits: '1536Mi',
    },
    {
      event: runner({ concurrency: 1 }, { memory: '1Mi' }),
      output: undefined,
      grace: 30,
      requests: '97Mi',
      limits: '516Mi',
    },
    {
      event: runner({ concurrency: 32 }, { memory: '4Mi' }),
      output: undefined,
      grace: 30,
      requests: '100Mi',
      limits: '1Gi',
    },
    {
      event: runner({ concurrency: 256 }, { memory: '4Gi' }),
      output: undefined,
      grace: 30,
      requests: '4192Mi',
      limits: '4194816Mi',
    },
  ]
  for (const { event, output, grace, requests, limits } of cases) {
    const pod = runnerOf(event, output).spec.template.spec
    t.equal(pod.terminationGracePeriodSeconds, grace)
    t.match(containerOf(pod).resources, { requests: { memory: requests }, limits: { memory: limits } })
  }
  t.end()
})
