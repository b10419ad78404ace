/** A Job that is refused, with the path of the fault and words of the message. For tests here and against an API server. */
export interface BadJob {
  readonly name: string
  readonly job: object
  readonly path: string
  readonly says: RegExp
}

/** A Job that is accepted. */
export interface GoodJob {
  readonly name: string
  readonly job: object
}

const event = { name: 'ev1', wasm: 'echo.wasm', schema: { key: 'schema-ev1' } }
const job = (spec: object, name = 'a-job') => ({
  apiVersion: 'jobico.coeux.dev/v1',
  kind: 'Job',
  metadata: { name },
  spec,
})
const withEvent = (more: object) => job({ events: [{ ...event, ...more }] })
const withQueue = (queue: object) => job({ events: [event], queue })
const key = { name: 'a', key: 'b' }

/** A Job of `count` events in a chain: the output of each is the next one, and that of the last is `closing`, if given. */
function chain(count: number, closing?: string): object {
  const next = (index: number) => (index + 1 < count ? `e${index + 1}` : closing)
  const events = Array.from({ length: count }, (_, index) => {
    const output = next(index)
    return { ...event, name: `e${index}`, ...(output && { output: { event: output } }) }
  })
  return job({ events })
}

/** Jobs with one fault each. */
export const badJobs: readonly BadJob[] = [
  { name: 'no spec', job: { ...job({}), spec: undefined }, path: 'spec', says: /"spec" is missing/ },
  { name: 'no events', job: job({}), path: 'spec.events', says: /"events" is missing/ },
  {
    name: 'an empty list of events',
    job: job({ events: [] }),
    path: 'spec.events',
    says: /at least 1 items/,
  },
  { name: '51 events', job: chain(51), path: 'spec.events', says: /at most 50/ },
  {
    name: 'an unknown field',
    job: job({ events: [event], evnts: [] }),
    path: 'spec.evnts',
    says: /did you mean "events"/,
  },
  {
    name: 'an unknown field deep down',
    job: withEvent({ retry: { maxAtempts: 1 } }),
    path: 'spec.events[0].retry.maxAtempts',
    says: /unknown.*maxAttempts/,
  },
  {
    name: 'an unknown field of metadata',
    job: { ...job({ events: [event] }), metadata: { name: 'a', lables: {} } },
    path: 'metadata.lables',
    says: /"labels"/,
  },
  { name: 'a name with a dot', job: job({ events: [event] }, 'a.b'), path: 'metadata.name', says: /no dots/ },
  {
    name: 'a name of 41 characters',
    job: job({ events: [event] }, 'a'.repeat(41)),
    path: 'metadata.name',
    says: /at most 40/,
  },
  { name: 'a name in capitals', job: job({ events: [event] }, 'Job'), path: 'metadata.name', says: /a-z/ },
  {
    name: 'an event name of 11 characters',
    job: withEvent({ name: 'abcdefghijk' }),
    path: 'spec.events[0].name',
    says: /at most 10 characters/,
  },
  {
    name: 'an event name with a dash',
    job: withEvent({ name: 'a-b' }),
    path: 'spec.events[0].name',
    says: /letters and digits/,
  },
  {
    name: 'an event twice',
    job: job({ events: [event, event] }),
    path: 'spec.events[1].name',
    says: /twice/,
  },
  {
    name: 'no module',
    job: job({ events: [{ ...event, wasm: undefined }] }),
    path: 'spec.events[0].wasm',
    says: /"wasm" is missing/,
  },
  {
    name: 'a module in a folder',
    job: withEvent({ wasm: 'build/a.wasm' }),
    path: 'spec.events[0].wasm',
    says: /without a folder/,
  },
  { name: 'a module above', job: withEvent({ wasm: '..' }), path: 'spec.events[0].wasm', says: /pattern/ },
  {
    name: 'no schema',
    job: job({ events: [{ ...event, schema: undefined }] }),
    path: 'spec.events[0].schema',
    says: /missing/,
  },
  {
    name: 'a schema with no key',
    job: withEvent({ schema: { name: 'a' } }),
    path: 'spec.events[0].schema.key',
    says: /missing/,
  },
  {
    name: 'no time',
    job: withEvent({ timeoutSeconds: 0 }),
    path: 'spec.events[0].timeoutSeconds',
    says: />= 1/,
  },
  {
    name: 'over an hour',
    job: withEvent({ timeoutSeconds: 3601 }),
    path: 'spec.events[0].timeoutSeconds',
    says: /<= 3600/,
  },
  {
    name: 'a time in words',
    job: withEvent({ timeoutSeconds: '10s' }),
    path: 'spec.events[0].timeoutSeconds',
    says: /must be an integer, but is a string/,
  },
  {
    name: 'a broken number',
    job: withEvent({ timeoutSeconds: 1.5 }),
    path: 'spec.events[0].timeoutSeconds',
    says: /integer/,
  },
  {
    name: 'memory with no unit',
    job: withEvent({ memory: '64' }),
    path: 'spec.events[0].memory',
    says: /Mi or Gi/,
  },
  {
    name: 'memory of 5Gi',
    job: withEvent({ memory: '5Gi' }),
    path: 'spec.events[0].memory',
    says: /1Mi to 4Gi/,
  },
  {
    name: 'memory of 4097Mi',
    job: withEvent({ memory: '4097Mi' }),
    path: 'spec.events[0].memory',
    says: /1Mi to 4Gi/,
  },
  {
    name: 'a variable with no value',
    job: withEvent({ env: [{ name: 'A' }] }),
    path: 'spec.events[0].env[0]',
    says: /either value or valueFrom/,
  },
  {
    name: 'a variable with two values',
    job: withEvent({ env: [{ name: 'A', value: '', valueFrom: { secretKeyRef: key } }] }),
    path: 'spec.events[0].env[0]',
    says: /not both/,
  },
  {
    name: 'a variable from nowhere',
    job: withEvent({ env: [{ name: 'A', valueFrom: {} }] }),
    path: 'spec.events[0].env[0].valueFrom',
    says: /secretKeyRef or configMapKeyRef/,
  },
  {
    name: 'a variable that is a number',
    job: withEvent({ env: [{ name: 'A', value: 1 }] }),
    path: 'spec.events[0].env[0].value',
    says: /must be a string, but is a number/,
  },
  {
    name: 'a variable of the event',
    job: withEvent({ env: [{ name: 'CE_ID', value: '' }] }),
    path: 'spec.events[0].env[0].name',
    says: /another name/,
  },
  {
    name: 'a variable with a digit first',
    job: withEvent({ env: [{ name: '1A', value: '' }] }),
    path: 'spec.events[0].env[0].name',
    says: /no digit first/,
  },
  {
    name: 'a variable twice',
    job: withEvent({
      env: [
        { name: 'A', value: '' },
        { name: 'A', value: '' },
      ],
    }),
    path: 'spec.events[0].env[1].name',
    says: /twice/,
  },
  {
    name: 'no delay',
    job: withEvent({ retry: { minDelaySeconds: 0 } }),
    path: 'spec.events[0].retry.minDelaySeconds',
    says: />= 1/,
  },
  {
    name: 'delays that cross',
    job: withEvent({ retry: { minDelaySeconds: 301 } }),
    path: 'spec.events[0].retry.minDelaySeconds',
    says: /maxDelaySeconds/,
  },
  {
    name: 'no attempt',
    job: withEvent({ retry: { maxAttempts: 0 } }),
    path: 'spec.events[0].retry.maxAttempts',
    says: />= 1/,
  },
  {
    name: 'runners that cross',
    job: withEvent({ runner: { minReplicas: 11 } }),
    path: 'spec.events[0].runner.minReplicas',
    says: /maxReplicas/,
  },
  {
    name: 'listeners that cross',
    job: withEvent({ listener: { minReplicas: 2, maxReplicas: 1 } }),
    path: 'spec.events[0].listener.minReplicas',
    says: /maxReplicas/,
  },
  {
    name: 'no runner ever',
    job: withEvent({ runner: { maxReplicas: 0 } }),
    path: 'spec.events[0].runner.maxReplicas',
    says: />= 1/,
  },
  {
    name: 'an unknown visibility',
    job: withEvent({ listener: { visibility: 'public' } }),
    path: 'spec.events[0].listener.visibility',
    says: /"Public", "ClusterLocal"/,
  },
  {
    name: 'auth with no secret',
    job: withEvent({ listener: { auth: {} } }),
    path: 'spec.events[0].listener.auth.secretKeyRef',
    says: /missing/,
  },
  {
    name: 'an empty output',
    job: withEvent({ output: {} }),
    path: 'spec.events[0].output',
    says: /either event or sink/,
  },
  {
    name: 'two outputs',
    job: job({
      events: [
        { ...event, output: { event: 'ev2', sink: { uri: 'http://a' } } },
        { ...event, name: 'ev2' },
      ],
    }),
    path: 'spec.events[0].output',
    says: /not both/,
  },
  {
    name: 'an empty sink',
    job: withEvent({ output: { sink: {} } }),
    path: 'spec.events[0].output.sink',
    says: /either uri or ref/,
  },
  {
    name: 'a sink of another protocol',
    job: withEvent({ output: { sink: { uri: 'ftp://a.example' } } }),
    path: 'spec.events[0].output.sink.uri',
    says: /http or https/,
  },
  {
    name: 'an output to no event',
    job: withEvent({ output: { event: 'ev2' } }),
    path: 'spec.events',
    says: /add that event/,
  },
  { name: 'a cycle of two', job: chain(2, 'e0'), path: 'spec.events', says: /cycle/ },
  { name: 'a cycle with a tail', job: chain(9, 'e5'), path: 'spec.events', says: /cycle/ },
  { name: 'a cycle of 50', job: chain(50, 'e0'), path: 'spec.events', says: /cycle/ },
  { name: 'a long tail to a cycle of two', job: chain(50, 'e48'), path: 'spec.events', says: /cycle/ },
  {
    name: 'an unknown storage',
    job: withQueue({ storage: 'Disk' }),
    path: 'spec.queue.storage',
    says: /"File", "Memory"/,
  },
  { name: 'two replicas', job: withQueue({ replicas: 2 }), path: 'spec.queue.replicas', says: /1, 3, 5/ },
  {
    name: 'a queue of 0Mi',
    job: withQueue({ maxBytes: '0Mi' }),
    path: 'spec.queue.maxBytes',
    says: /Mi or Gi/,
  },
  {
    name: 'done shorter than the window',
    job: withQueue({ doneRetentionSeconds: 119 }),
    path: 'spec.queue.doneRetentionSeconds',
    says: /duplicateWindowSeconds/,
  },
  {
    name: 'dead shorter than the window',
    job: withQueue({ deadRetentionSeconds: 119 }),
    path: 'spec.queue.deadRetentionSeconds',
    says: /duplicateWindowSeconds/,
  },
]

/** Jobs without a fault. */
export const goodJobs: readonly GoodJob[] = [
  { name: 'the least', job: job({ events: [event] }) },
  {
    name: 'nothing filled in where there is a default',
    job: job({ events: [{ ...event, env: null, retry: null, memory: null }], queue: null }),
  },
  { name: 'a name of 40 characters', job: job({ events: [event] }, 'a'.repeat(40)) },
  { name: 'the most memory', job: withEvent({ memory: '4096Mi' }) },
  { name: 'events that differ in case only', job: job({ events: [event, { ...event, name: 'EV1' }] }) },
  { name: 'a chain of 50', job: chain(50) },
  {
    name: 'outputs that meet, in any order',
    job: job({
      events: [
        { ...event, name: 'last' },
        { ...event, name: 'a', output: { event: 'mid' } },
        { ...event, name: 'mid', output: { event: 'last' } },
        { ...event, name: 'b', output: { event: 'mid' } },
      ],
    }),
  },
  {
    name: 'everything',
    job: job({
      events: [
        {
          ...event,
          schema: { name: 'schemas', key: 'ev1.json' },
          timeoutSeconds: 3600,
          memory: '1Gi',
          env: [
            { name: 'EMPTY', value: '' },
            { name: '_secret', valueFrom: { secretKeyRef: key } },
            { name: 'CEILING', valueFrom: { configMapKeyRef: key } },
          ],
          retry: { maxAttempts: 1, minDelaySeconds: 5, maxDelaySeconds: 5 },
          runner: { minReplicas: 1, maxReplicas: 1, concurrency: 1, cooldownSeconds: 30 },
          listener: {
            minReplicas: 1,
            maxReplicas: 2,
            visibility: 'ClusterLocal',
            auth: { secretKeyRef: key },
          },
          output: { sink: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'a' } } },
        },
        { ...event, name: 'ev2', output: { sink: { uri: 'https://a.example:8443/path?query=1' } } },
      ],
      queue: {
        storage: 'Memory',
        maxBytes: '10Gi',
        replicas: 3,
        duplicateWindowSeconds: 60,
        doneRetentionSeconds: 60,
        deadRetentionSeconds: 60,
      },
    }),
  },
]
