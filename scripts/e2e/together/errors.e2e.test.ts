import t from 'tap'

import { fromWat, RUNTIME } from '../../../functions/guests/test-modules.ts'
import { startCase, type Case, type Expected } from '../case.fixture.ts'
import { accepted } from '../http.fixture.ts'
import { openNats } from '../nats.fixture.ts'
import { operatorRestarts } from '../operator.fixture.ts'
import { configMap, event, job, modules, schema, secret } from '../objects.fixture.ts'

/** Something that goes wrong. All objects of a row are named by its event, so that rows do not meet. */
interface Row {
  readonly name: string
  /** What is not right, instead of what is. */
  readonly wrong: (name: string) => Promise<Partial<Setup>> | Partial<Setup>
  readonly says: Omit<Expected, 'status'> & { readonly status?: Expected['status'] }
  /** Whether it takes an event to find out, as pods are at zero. */
  readonly onEvent?: boolean
  /** What is to be done beside applying what is right. */
  readonly mend?: (c: Case, name: string) => Promise<unknown>
}

/** What a row applies; undefined leaves it out. */
interface Setup {
  readonly schema: object | undefined
  readonly modules: object | undefined
  /** More of the event, and of the queue. */
  readonly event: object
  readonly queue: object
  readonly more: readonly object[]
}

const JOB_KIND = 'jobs.jobico.coeux.dev'
const withModule = (bytes: Uint8Array) => async (name: string) => ({
  modules: await modules({ [`${name}.wasm`]: bytes }, `modules-${name}`),
})
const service = (name: string) => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name },
  spec: { template: { spec: { containers: [{ image: 'dev.local/nobody:1' }] } } },
})
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'nobody', image: 'dev.local/nobody:1' }] },
    },
  },
})
const variable = (source: object) => ({ env: [{ name: 'COLOUR', valueFrom: source }] })
const remove = (kind: string, prefix: string) => (c: Case, name: string) =>
  c.kubectl('delete', kind, `${prefix}${name}`)

const ROWS: readonly Row[] = [
  {
    name: 'no ConfigMap of the schema',
    wrong: () => ({ schema: undefined }),
    says: { type: 'SchemasReady', reason: 'ConfigMapMissing', message: /ConfigMap schema-r\d+ .*make it/ },
  },
  {
    name: 'no such key in it',
    wrong: (name) => ({ schema: configMap(`schema-${name}`, { other: '{}' }) }),
    says: { type: 'SchemasReady', reason: 'KeyMissing', message: /schema-r\d+\.json.*other/ },
  },
  {
    name: 'a schema that is no JSON',
    wrong: (name) => ({ schema: configMap(`schema-${name}`, { [`schema-${name}.json`]: '{"type":' }) }),
    says: { type: 'SchemasReady', reason: 'SchemaInvalid', message: /JSON/ },
  },
  {
    name: 'a schema that is no JSON Schema',
    wrong: (name) => ({ schema: schema({ type: 'objekt' }, `schema-${name}`) }),
    says: { type: 'SchemasReady', reason: 'SchemaInvalid', message: /at \/type/ },
  },
  {
    name: 'no module of the name',
    wrong: () => ({ modules: undefined }),
    says: { type: 'ModulesReady', reason: 'ModuleNotFound', message: /r\d+\.wasm.*jobico push/ },
  },
  {
    name: 'a module in two ConfigMaps',
    wrong: async (name) => ({ more: [await modules({ [`${name}.wasm`]: 'v2' }, `again-${name}`)] }),
    says: { type: 'ModulesReady', reason: 'ModuleAmbiguous', message: /again-r\d+.*modules-r\d+/ },
    mend: remove('configmap', 'again-'),
  },
  {
    name: 'a module that is no WebAssembly',
    wrong: withModule(Buffer.from('no module')),
    says: { type: 'ModulesReady', reason: 'ModuleInvalid', message: /r\d+\.wasm is no WebAssembly/ },
  },
  {
    name: 'a module that imports what nobody offers',
    wrong: withModule(
      fromWat(
        '(import "env" "teleport" (func))',
        RUNTIME,
        '(func (export "handle") (param i32) (result i32) (local.get 0))',
      ),
    ),
    says: { type: 'ModulesReady', reason: 'ModuleInvalid', message: /teleport/ },
  },
  {
    name: 'a module with no known entry',
    wrong: withModule(fromWat(RUNTIME)),
    says: { type: 'ModulesReady', reason: 'ModuleInvalid', message: /handle/ },
  },
  {
    name: 'more memory than NATS has for queues',
    wrong: () => ({ queue: { storage: 'Memory', maxBytes: '9999Gi' } }),
    says: { type: 'QueueReady', reason: 'StorageExhausted', message: /\d.*maxBytes|maxBytes.*\d/ },
    // The storage of a queue can not be changed.
    mend: (c, name) => c.kubectl('delete', JOB_KIND, `job-${name}`),
  },
  {
    name: 'more replicas than NATS has nodes',
    wrong: () => ({ queue: { replicas: 3 } }),
    says: { type: 'QueueReady', reason: 'QueueRefused', message: /replicas/ },
  },
  {
    name: "a Knative Service that is somebody else's",
    wrong: (name) => ({ more: [service(`listener-${name}`)] }),
    says: { type: 'ListenersReady', reason: 'NameTaken', message: /listener-r\d+ .*left alone/ },
    mend: remove('services.serving.knative.dev', 'listener-'),
  },
  {
    name: "a Deployment that is somebody else's",
    wrong: (name) => ({ more: [deployment(`runner-${name}`)] }),
    says: { type: 'RunnersReady', reason: 'NameTaken', message: /Deployment runner-r\d+ .*left alone/ },
    mend: remove('deployment', 'runner-'),
  },
  {
    name: "a ScaledObject that is somebody else's",
    wrong: (name) => ({
      more: [
        deployment(`nobody-${name}`),
        {
          apiVersion: 'keda.sh/v1alpha1',
          kind: 'ScaledObject',
          metadata: { name: `runner-${name}` },
          spec: {
            scaleTargetRef: { name: `nobody-${name}` },
            triggers: [{ type: 'cron', metadata: cronMetadata() }],
          },
        },
      ],
    }),
    says: { type: 'RunnersReady', reason: 'NameTaken', message: /ScaledObject runner-r\d+ .*left alone/ },
    mend: remove('scaledobject', 'runner-'),
  },
  {
    name: 'no Secret of a variable',
    wrong: (name) => ({
      event: variable({ secretKeyRef: { name: `secret-${name}`, key: 'colour' } }),
    }),
    says: { type: 'RunnersReady', reason: 'SecretMissing', message: /secret-r\d+/ },
    mend: (c, name) => c.apply(secret(`secret-${name}`, { colour: 'blue' })),
  },
  {
    name: 'no such key in the ConfigMap of a variable',
    wrong: (name) => ({
      event: variable({ configMapKeyRef: { name: `colours-${name}`, key: 'colour' } }),
      more: [configMap(`colours-${name}`, { other: 'red' })],
    }),
    onEvent: true,
    says: { type: 'RunnersReady', reason: 'KeyMissing', message: /colours-r\d+/ },
    mend: (c, name) => c.apply(configMap(`colours-${name}`, { colour: 'blue' })),
  },
  {
    name: 'no Secret of the tokens',
    wrong: (name) => ({
      event: { listener: { auth: { secretKeyRef: { name: `tokens-${name}`, key: 'tokens' } } } },
    }),
    says: { type: 'ListenersReady', message: /tokens-r\d+/ },
    mend: (c, name) => c.apply(secret(`tokens-${name}`, { tokens: 'open sesame'.replace(' ', '-') })),
  },
  {
    name: 'no such sink',
    wrong: (name) => ({
      event: {
        output: {
          sink: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: `sink-${name}` } },
        },
      },
    }),
    says: { type: 'RunnersReady', reason: 'SinkMissing', message: /sink-r\d+/ },
  },
  {
    name: 'a sink of a kind that is not installed',
    wrong: (name) => ({
      event: {
        output: {
          sink: { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: `sink-${name}` } },
        },
      },
    }),
    says: { type: 'RunnersReady', reason: 'SinkMissing', message: /Broker/ },
  },
]

function cronMetadata(): object {
  return { timezone: 'Etc/UTC', start: '0 0 1 1 *', end: '1 0 1 1 *', desiredReplicas: '0' }
}

async function right(name: string): Promise<Setup> {
  return {
    schema: schema({ type: 'object' }, `schema-${name}`),
    modules: await modules({ [`${name}.wasm`]: 'v1' }, `modules-${name}`),
    event: {},
    queue: {},
    more: [],
  }
}

function objectsOf(name: string, setup: Setup): object[] {
  const { schema: ofSchema, modules: ofModules, more } = setup
  const ofEvent = event(name, { wasm: `${name}.wasm`, schema: { key: `schema-${name}` }, ...setup.event })
  const all = [ofSchema, ofModules, ...more, job(`job-${name}`, [ofEvent], setup.queue)]
  return all.filter((object) => object !== undefined)
}

const c = await startCase(t, 'errors')
const nats = await openNats(t, c.namespace)
const restarts = await operatorRestarts()

t.test('what goes wrong, and what it says', { jobs: 3, timeout: 1_400_000 }, (t) => {
  for (const [index, { name: what, wrong, says, onEvent = false, mend }] of ROWS.entries()) {
    const name = `r${index + 1}`
    const jobName = `job-${name}`
    t.test(what, { buffered: true }, async (t) => {
      const good = await right(name)
      await c.apply(...objectsOf(name, { ...good, ...(await wrong(name)) }))
      if (onEvent) {
        await c.ready(jobName)
        await accepted(await c.url(jobName, name), { n: 0 })
      }
      const { reason, message } = await c.condition(
        jobName,
        { status: 'False', ...says },
        { withinMs: 240_000 },
      )
      t.comment(`${reason}: ${message}`)
      const { reason: summed } = await c.condition(jobName, { type: 'Ready', status: 'False' })
      t.equal(summed, reason, 'Ready has the same reason')

      if (mend !== undefined) await mend(c, name)
      await c.apply(...objectsOf(name, good))
      await c.ready(jobName, { withinMs: 300_000 })
      const key = await accepted(await c.url(jobName, name), { n: 1 })
      t.match(
        await nats.ended({ namespace: c.namespace, job: jobName, event: name }, [key]),
        [{ kind: 'done' }],
        'it is healed',
      )
      await c.kubectl('delete', JOB_KIND, jobName, '--wait=false')
    })
  }
  t.end()
})

t.test('the operator was not started anew', async (t) => {
  t.same(await operatorRestarts(), restarts)
})
