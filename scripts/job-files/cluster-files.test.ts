import { join } from 'node:path'

import t from 'tap'

import { holdsModule, loadForCluster, type ClusterPlace } from './cluster-files.ts'
import { JobFileError } from './fault.ts'
import { configMap, documents, job, jobOf, schema, secret } from './test-files.ts'

const NOWHERE: ClusterPlace = { namespace: 'team', only: false, hasModule: () => Promise.resolve(false) }

t.test('what files bring into a cluster', async (t) => {
  const folder = t.testdir({
    'job.yaml': documents(
      job(
        '      memory: 1Mi',
        '      listener: {auth: {secretKeyRef: {name: elsewhere, key: tokens}}}',
        '      env: [{name: A, valueFrom: {secretKeyRef: {name: elsewhere, key: a}}}]',
        '      output: {sink: {ref: {apiVersion: v1, kind: Service, name: x}}}',
        ...['    - name: ev2', '      wasm: b.wasm', '      schema: {name: there, key: s2}'],
      ),
      schema,
      secret('stringData: {a: b}\ntype: null').replace('name: sec', 'name: sec, namespace: other'),
    ),
    'a.wasm': '',
  })
  const file = join(folder, 'job.yaml')
  const asked: string[] = []
  const { jobs, objects } = await loadForCluster([file], {
    ...NOWHERE,
    hasModule(namespace, name) {
      asked.push(`${namespace}/${name}`)
      return Promise.resolve(true)
    },
  })
  t.strictSame(jobs, [
    {
      namespace: 'team',
      name: 'a',
      file,
      events: [
        {
          name: 'ev1',
          wasm: 'a.wasm',
          memoryBytes: 1_048_576,
          module: { kind: 'file', path: join(folder, 'a.wasm') },
          schema: { text: '{}', json: {} },
          schemaPlace: { name: 's', keys: ['s', 's.json'] },
          tokens: { name: 'elsewhere', key: 'tokens' },
        },
        {
          name: 'ev2',
          wasm: 'b.wasm',
          memoryBytes: 67_108_864,
          module: undefined,
          schema: undefined,
          schemaPlace: { name: 'there', keys: ['s2', 's2.json'] },
          tokens: undefined,
        },
      ],
    },
  ])
  t.same(asked, ['team/b.wasm'], 'only what is not here is asked for')
  t.match(objects, [
    { kind: 'ConfigMap', namespace: 'team', name: 's', manifest: { metadata: { namespace: 'team' } } },
    { kind: 'Secret', namespace: 'other', name: 'sec', manifest: { metadata: { namespace: 'other' } } },
    { kind: 'Job', namespace: 'team', name: 'a', manifest: { kind: 'Job' } },
  ])
  t.notOk('type' in (objects[1]?.manifest ?? {}), 'nulls are left out, as the API server takes them')
  t.match(objects[2]?.fault(['metadata', 'name'], 'so'), { file, line: 3, message: 'so' })
})

t.test('schemas in plain files become ConfigMaps', async (t) => {
  const event = (name: string, schema: string) => `    - {name: ${name}, wasm: a.wasm, schema: ${schema}}`
  const events = [
    event('e1', '{key: s}'),
    event('e2', '{name: all, key: x}'),
    event('e3', '{name: all, key: y}'),
  ]
  const folder = t.testdir({
    'one.yaml': jobOf('metadata: {name: a}', 'spec:', '  events:', ...events, event('e4', '{key: there}')),
    'two.yaml': jobOf('metadata: {name: b}', 'spec:', '  events:', event('e5', '{key: s}')),
    ...{ 'a.wasm': '', 's.json': '{"minLength":1}', x: 'true', 'y.json': 'false' },
  })
  const { jobs, objects } = await loadForCluster(
    ['one.yaml', 'two.yaml'].map((name) => join(folder, name)),
    NOWHERE,
  )
  const ours = { 'app.kubernetes.io/managed-by': 'jobico-cli', 'app.kubernetes.io/part-of': 'jobico' }
  const manifest = (name: string, data: object) => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', data },
    metadata: { name, namespace: 'team', labels: ours },
  })
  t.strictSame(
    objects.map(({ kind, name, owners }) => ({ kind, name, owners })),
    [
      { kind: 'ConfigMap', name: 's', owners: ['a', 'b'] },
      { kind: 'ConfigMap', name: 'all', owners: ['a'] },
      { kind: 'Job', name: 'a', owners: undefined },
      { kind: 'Job', name: 'b', owners: undefined },
    ],
  )
  t.strictSame(objects[0]?.manifest, manifest('s', { s: '{"minLength":1}' }))
  t.strictSame(objects[1]?.manifest, manifest('all', { x: 'true', y: 'false' }))
  t.match(objects[1]?.fault(['data'], 'so'), { file: `${join(folder, 'x')}, ${join(folder, 'y.json')}` })
  t.same(
    jobs[0]?.events.map(({ schema }) => schema?.json),
    [{ minLength: 1 }, true, false, undefined],
    'what is nowhere may be in the cluster',
  )
})

t.test('two schemas can not be one key of one ConfigMap', async (t) => {
  const jobIn = (name: string, event: string) =>
    jobOf(
      `metadata: {name: ${name}}`,
      'spec:',
      `  events: [{name: ${event}, wasm: a.wasm, schema: {key: s}}]`,
    )
  const folder = t.testdir({
    one: { 'job.yaml': jobIn('a', 'e1'), 'a.wasm': '', 's.json': 'true' },
    two: { 'job.yaml': jobIn('b', 'e2'), 'a.wasm': '', 's.json': 'false' },
  })
  const files = ['one', 'two'].map((name) => join(folder, name, 'job.yaml'))
  await t.rejects(loadForCluster(files, NOWHERE), {
    message:
      /one\/s\.json and .*two\/s\.json differ, and both would be the data key s of the ConfigMap s; give one/,
  })
})

t.test('an event name may be there once in each namespace', async (t) => {
  const event = ['spec:', '  events:', '    - {name: ev1, wasm: a.wasm, schema: {key: s}}']
  const folder = t.testdir({
    'job.yaml': documents(
      jobOf('metadata: {name: a}', ...event),
      jobOf('metadata: {name: a, namespace: other}', ...event),
    ),
    'a.wasm': '',
  })
  const { jobs } = await loadForCluster([join(folder, 'job.yaml')], NOWHERE)
  t.match(jobs, [{ namespace: 'team' }, { namespace: 'other' }])
})

const modules = (label: string, data: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, labels: {jobico.coeux.dev/modules: "${label}"}}\n${data}`

const wrong: readonly {
  readonly name: string
  readonly files: string
  readonly place?: Partial<ClusterPlace>
  readonly want: readonly RegExp[]
}[] = [
  {
    name: 'a module that is nowhere',
    files: documents(job(), schema, modules('false', 'binaryData: {a.wasm: AA==}')),
    want: [
      /spec\.events\[0\]\.wasm: the module a\.wasm was not found; looked .* namespace team; .*jobico push a\.wasm/,
    ],
  },
  {
    name: 'a namespace beside the one that is named',
    files: documents(
      job().replace('name: a}', 'name: a, namespace: other}'),
      modules('true', 'binaryData: {a.wasm: AA==}'),
    ),
    place: { only: true, hasModule: () => Promise.resolve(true) },
    want: [
      /metadata\.namespace: the Job a names the namespace other, but -n says team; remove one of the two/,
    ],
  },
  {
    name: 'a key that the object of the files lacks',
    files: documents(
      job('      env: [{name: A, valueFrom: {secretKeyRef: {name: sec, key: a}}}]'),
      configMap('s', '{t: "{}"}'),
      secret('stringData: {b: c}'),
      modules('true', 'binaryData: {a.wasm: AA==}'),
    ),
    want: [/the ConfigMap s .* has no data key s or s\.json/, /the Secret sec .* has no data key a/],
  },
]

for (const { name, files, place, want } of wrong) {
  t.test(name, async (t) => {
    const folder = t.testdir({ 'job.yaml': files })
    const fault: unknown = await loadForCluster([join(folder, 'job.yaml')], { ...NOWHERE, ...place }).catch(
      (thrown: unknown) => thrown,
    )
    t.ok(fault instanceof JobFileError)
    const lines = fault instanceof JobFileError ? fault.message.split('\n') : []
    t.equal(lines.length, want.length)
    t.match(lines.sort(), want)
  })
}

t.test('ConfigMaps that bring a module', (t) => {
  const labels = { 'jobico.coeux.dev/modules': 'true' }
  t.ok(holdsModule({ metadata: { labels }, binaryData: { 'a.wasm': '' } }, 'a.wasm'))
  t.ok(holdsModule({ metadata: { labels }, data: { 'a.wasm': '' } }, 'a.wasm'))
  t.notOk(holdsModule({ metadata: { labels }, data: { 'b.wasm': '' } }, 'a.wasm'))
  t.notOk(holdsModule({ metadata: {}, binaryData: { 'a.wasm': '' } }, 'a.wasm'))
  t.notOk(holdsModule(null, 'a.wasm'))
  t.end()
})
