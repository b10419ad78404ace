import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { badJobs, goodJobs } from './admission-cases.ts'
import { admitJob } from './admission.ts'
import { parseQuantity } from './quantity.ts'
import { formatPath } from './structure.ts'

const faultsOf = (value: unknown) => {
  const admission = admitJob(value)
  return 'faults' in admission
    ? admission.faults.map(({ path, message }) => ({ path: formatPath(path), message }))
    : []
}

t.test('bad Jobs', (t) => {
  for (const { name, job, path, says } of badJobs) {
    t.test(name, (t) => {
      const before = structuredClone(job)
      // As in a YAML file: a field that is undefined is not there.
      const faults = faultsOf(JSON.parse(JSON.stringify(job)))
      t.match(faults, [{ path, message: says }])
      t.equal(faults.length, 1)
      t.same(job, before)
      t.end()
    })
  }
  t.end()
})

t.test('what an unknown field was meant to be', (t) => {
  const job = goodJobs[0]?.job as { spec: { events: object[] } }
  const withEvent = (more: object) => ({
    ...job,
    spec: { ...job.spec, events: job.spec.events.map((event) => ({ ...event, ...more })) },
  })
  const cases = [
    { job: withEvent({ timeot: 1 }), says: /^unknown field "timeot"$/ },
    { job: withEvent({ timeout: 1 }), says: /^unknown field "timeout"; did you mean "timeoutSeconds"\?$/ },
    {
      job: withEvent({ maxAttempts: 1 }),
      says: /^unknown field "maxAttempts"; it belongs under spec\.events\[\]\.retry$/,
    },
    {
      job: withEvent({ minReplicas: 1 }),
      says: /it belongs under spec\.events\[\]\.runner or spec\.events\[\]\.listener$/,
    },
    { job: { ...job, queue: {} }, says: /it belongs under spec$/ },
    { job: withEvent({ zzzzzz: 1 }), says: /^unknown field "zzzzzz"$/ },
  ]
  for (const { job, says } of cases) t.match(faultsOf(job)[0]?.message, says)
  t.end()
})

t.test('good Jobs', (t) => {
  for (const { name, job } of goodJobs) {
    t.test(name, (t) => {
      const before = structuredClone(job)
      t.same(faultsOf(job), [])
      t.same(job, before, 'the defaults went into a copy')
      t.end()
    })
  }
  t.end()
})

t.test('what is no Job at all', (t) => {
  const cases = [
    { value: null, path: '', says: /must be an object, but is null/ },
    { value: 'Job', path: '', says: /must be an object/ },
    { value: { kind: 'Jobs' }, path: 'apiVersion', says: /missing/ },
    { value: { ...goodJobs[0]?.job, kind: 'CronJob' }, path: 'kind', says: /"Job"/ },
    {
      value: { ...goodJobs[0]?.job, metadata: { name: 'a', namespace: 'A B' } },
      path: 'metadata.namespace',
      says: /pattern/,
    },
    {
      value: { ...goodJobs[0]?.job, metadata: { name: 'a', labels: { 'a b': 'c' } } },
      path: 'metadata.labels["a b"]',
      says: /name of the field/,
    },
  ]
  for (const { value, path, says } of cases) t.match(faultsOf(value)[0], { path, message: says })
  t.end()
})

t.test('the example of the original system gets the defaults of the reference', async (t) => {
  const text = await readFile(new URL('../wasm-examples/echo/job.yaml', import.meta.url), 'utf8')
  const admission = admitJob(parseAllDocuments(text)[0]?.toJS())
  t.match(admission, { job: { metadata: { name: 'job-for-ev1' } } })
  t.same('job' in admission && admission.job.spec, {
    events: [
      {
        name: 'ev1',
        wasm: 'echo.wasm',
        schema: { key: 'schema-ev1' },
        timeoutSeconds: 10,
        memory: '64Mi',
        env: [],
        retry: { maxAttempts: 5, minDelaySeconds: 1, maxDelaySeconds: 300 },
        runner: { minReplicas: 0, maxReplicas: 10, concurrency: 4, cooldownSeconds: 60 },
        listener: { minReplicas: 0, maxReplicas: 10, visibility: 'Public' },
      },
    ],
    queue: {
      storage: 'File',
      maxBytes: '256Mi',
      duplicateWindowSeconds: 120,
      doneRetentionSeconds: 86400,
      deadRetentionSeconds: 2592000,
    },
  })
})

t.test('a status is dropped', (t) => {
  t.notMatch(admitJob({ ...goodJobs[0]?.job, status: { dead: 'many' } }), { job: { status: {} } })
  t.same(faultsOf({ ...goodJobs[0]?.job, status: { dead: 'many' } }), [])
  t.end()
})

t.test('every fault is told', (t) => {
  const events = [{ name: 'a-b', wasm: '/', schema: {} }]
  t.equal(faultsOf({ ...goodJobs[0]?.job, spec: { events } }).length, 3)
  t.end()
})

t.test('every field of the definition is described, and every list and string bounded', async (t) => {
  const text = await readFile(new URL('jobs.jobico.coeux.dev.yaml', import.meta.url), 'utf8')
  const crd = parse(text) as { spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] } }
  // Of metadata, a CustomResourceDefinition may describe the name only.
  const faults = loose(crd.spec.versions[0].schema.openAPIV3Schema, '').filter(
    (path) => !path.startsWith('/metadata'),
  )
  t.same(faults, [])
})

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly enum?: unknown[]
  readonly maxLength?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

function loose(schema: Schema, path: string): string[] {
  const unbounded =
    (schema.type === 'string' && !schema.enum && schema.maxLength === undefined) ||
    (schema.type === 'array' && schema.maxItems === undefined)
  const children = Object.entries(schema.properties ?? {}).map(([name, child]) =>
    loose(child, `${path}/${name}`),
  )
  return [
    ...(schema.description ? [] : [`${path} is not described`]),
    ...(unbounded ? [`${path} is not bounded`] : []),
    ...children.flat(),
    ...(schema.items ? loose(schema.items, `${path}/*`) : []),
  ]
}

t.test('quantities', (t) => {
  t.equal(parseQuantity('64Mi'), 67_108_864)
  t.equal(parseQuantity('4Gi'), 4_294_967_296)
  for (const text of ['', '64', 'Mi', '1.5Gi', '1Ki', '64 Mi', '-1Mi', '64Mib'])
    t.throws(() => parseQuantity(text), RangeError)
  t.end()
})
