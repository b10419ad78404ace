import t from 'tap'
import { JobFileError } from './fault.ts'
import { configMap, documents, faultsIn, job, jobOf, schema, secret } from './test-files.ts'

type Files = NonNullable<Parameters<typeof t.testdir>[0]>

const wasm = { 'a.wasm': '' }

interface BadFile {
  readonly name: string
  readonly files: Files
  readonly paths?: string[]
  readonly want: { file?: string; line?: number | undefined; path?: string | undefined; message: RegExp }
}

const one = (text: string): Files => ({ 'job.yaml': text, ...wasm })

const badFiles: BadFile[] = [
  {
    name: 'no such file',
    files: one(''),
    paths: ['job.yml'],
    want: { file: 'job.yml', line: undefined, message: /no such file; did you mean job.yaml/ },
  },
  { name: 'nothing at all there', files: {}, want: { message: /no such file; name the YAML file/ } },
  {
    name: 'a folder',
    files: one(''),
    paths: ['.'],
    want: { file: '.', message: /is a folder; name the files in it, such as job.yaml/ },
  },
  { name: 'an empty file', files: one(''), want: { message: /no Job here; add/ } },
  { name: 'no Job among the documents', files: one(schema), want: { message: /no Job here/ } },
  { name: 'not YAML', files: one('a: [1\nb: 2'), want: { line: 2, message: /not YAML: / } },
  { name: 'a tab', files: one('a:\n\t- b'), want: { line: 2, message: /not YAML: .*[Tt]ab/ } },
  { name: 'a field twice', files: one('kind: Job\nkind: Job'), want: { line: 2, message: /twice/ } },
  {
    name: 'a second document that is not YAML',
    files: one(documents(schema, 'a: }')),
    want: { line: 6, message: /not YAML/ },
  },
  {
    name: 'aliases without end',
    files: one(`a: &a [x]\nb: &b [${'*a,'.repeat(60)}]\nc: [${'*b,'.repeat(60)}]`),
    want: { line: 1, message: /alias/ },
  },
  { name: 'no mapping', files: one('- a'), want: { line: 1, message: /must be a mapping/ } },
  {
    name: 'no kind',
    files: one('a: b'),
    want: { line: 1, message: /no kind with no apiVersion.*accepted here are Job/ },
  },
  {
    name: 'another kind',
    files: one(documents(schema, 'apiVersion: v1\nkind: Service')),
    want: { line: 7, path: 'kind', message: /kind "Service".*ConfigMap and Secret/ },
  },
  {
    name: 'another version',
    files: one('apiVersion: jobico.coeux.dev/v2\nkind: Job'),
    want: { line: 2, message: /"jobico.coeux.dev\/v2"/ },
  },
  {
    name: 'an unknown field',
    files: one(job('  evnts: []')),
    want: { line: 9, path: 'spec.evnts', message: /did you mean "events"/ },
  },
  {
    name: 'an event name of 11 characters',
    files: one(job().replace('ev1', 'abcdefghijk')),
    want: { line: 6, path: 'spec.events[0].name', message: /at most 10 characters/ },
  },
  {
    name: 'a missing field',
    files: one(job().replace('wasm: a.wasm', '')),
    want: { line: 6, path: 'spec.events[0].wasm', message: /missing/ },
  },
  {
    name: 'a truth value',
    files: one(job('      env: [{name: A, value: yes}]')),
    want: { line: 9, message: /must be a string, but is a boolean/ },
  },
  {
    name: 'a rule broken',
    files: one(job('      retry:', '        minDelaySeconds: 301')),
    want: { line: 10, path: 'spec.events[0].retry.minDelaySeconds', message: /maxDelaySeconds/ },
  },
  {
    name: 'a bad name',
    files: one(job().replace('name: a}', 'name: a.b}')),
    want: { line: 3, path: 'metadata.name', message: /no dots/ },
  },
  {
    name: 'two Jobs of one name',
    files: one(documents(schema, job(), job().replace('ev1', 'ev2'))),
    want: { line: 17, path: 'metadata.name', message: /Job default\/a is already in job.yaml:8/ },
  },
  {
    name: 'an event in two Jobs',
    files: one(documents(schema, job(), job().replace('name: a}', 'name: b}'))),
    want: {
      line: 20,
      path: 'spec.events[0].name',
      message: /the Job a has an event ev1 already \(job.yaml:11\)/,
    },
  },
  {
    name: 'two ConfigMaps of one name',
    files: one(documents(job(), schema, schema)),
    want: { line: 17, message: /ConfigMap default\/s is already in job.yaml:12/ },
  },
  {
    name: 'ConfigMap data that is no text',
    files: one(documents(job(), configMap('s', '{s: 1}'))),
    want: { line: 13, path: 'data.s', message: /must be a string/ },
  },
  {
    name: 'a ConfigMap with an unknown field',
    files: one(documents(job(), schema + '\ndate: {}')),
    want: { line: 14, path: 'date', message: /did you mean "data"/ },
  },
  {
    name: 'a Secret that is no base64',
    files: one(documents(job(), schema, secret('data: {k: "%"}'))),
    want: { line: 18, path: 'data.k', message: /stringData/ },
  },
  {
    name: 'no ConfigMap',
    files: one(documents(job(), configMap('other', '{s: "{}"}'))),
    want: {
      line: 8,
      path: 'spec.events[0].schema.key',
      message: /ConfigMap s with the data key s or s.json is in none of the files, which have other/,
    },
  },
  {
    name: 'no ConfigMap of that namespace',
    files: one(documents(job().replace('name: a}', 'name: a, namespace: n}'), schema)),
    want: { line: 8, message: /ConfigMap s of the namespace n/ },
  },
  {
    name: 'no such key',
    files: one(documents(job(), configMap('s', '{other: "{}"}'))),
    want: { line: 8, message: /no data key s or s.json, only other/ },
  },
  {
    name: 'no such named ConfigMap',
    files: one(job().replace('key: s', 'key: s, name: t')),
    want: { line: 8, path: 'spec.events[0].schema.name', message: /ConfigMap t .* which have no ConfigMap/ },
  },
  {
    name: 'a schema that is no JSON',
    files: one(documents(job(), configMap('s', '\n  s: |\n    {\n      "type": x\n    }'))),
    want: { line: 16, path: 'data.s', message: /not JSON/ },
  },
  {
    name: 'a schema that ends too early',
    files: one(documents(job(), configMap('s', '\n  s.json: |\n    {\n      "type": "object"'))),
    want: { line: 16, path: 'data["s.json"]', message: /not JSON/ },
  },
  {
    name: 'a schema on one line that is no JSON',
    files: one(documents(job(), configMap('s', '{s: "{"}'))),
    want: { line: 13, message: /not JSON/ },
  },
  {
    name: 'a schema that is not valid',
    files: one(documents(job(), configMap('s', '\n  s: |\n    {"type": "int"}'))),
    want: { line: 14, path: 'data.s', message: /at \/type: must be one of/ },
  },
  {
    name: 'a variable of no Secret',
    files: one(
      documents(job('      env: [{name: A, valueFrom: {secretKeyRef: {name: sec, key: k}}}]'), schema),
    ),
    want: {
      line: 9,
      path: 'spec.events[0].env[0].valueFrom.secretKeyRef',
      message: /Secret sec .* which have no Secret/,
    },
  },
  {
    name: 'a variable of no key',
    files: one(
      documents(job('      env: [{name: A, valueFrom: {configMapKeyRef: {name: s, key: k}}}]'), schema),
    ),
    want: {
      line: 9,
      path: 'spec.events[0].env[0].valueFrom.configMapKeyRef',
      message: /no data key k, only s/,
    },
  },
  {
    name: 'a zero byte',
    files: one(documents(job('      env: [{name: A, value: "\\0"}]'), schema)),
    want: { line: 9, message: /zero byte/ },
  },
  {
    name: 'no auth Secret',
    files: one(documents(job('      listener: {auth: {secretKeyRef: {name: sec, key: k}}}'), schema)),
    want: { line: 9, path: 'spec.events[0].listener.auth.secretKeyRef', message: /Secret sec/ },
  },
  {
    name: 'no token',
    files: one(
      documents(
        job('      listener: {auth: {secretKeyRef: {name: sec, key: k}}}'),
        schema,
        secret('stringData: {k: ""}'),
      ),
    ),
    want: { line: 9, message: /empty; write one token a line/ },
  },
  {
    name: 'a sink by ref',
    files: one(
      documents(job('      output: {sink: {ref: {apiVersion: v1, kind: Service, name: x}}}'), schema),
    ),
    want: { line: 9, path: 'spec.events[0].output.sink.ref', message: /give it by uri/ },
  },
  {
    name: 'no module',
    files: { 'job.yaml': documents(job(), schema) },
    want: {
      line: 7,
      path: 'spec.events[0].wasm',
      message: /looked beside the Job file for assembly\/a.ts, assembly\/index.ts, a.wasm, build\/a.wasm/,
    },
  },
]

t.test('bad files', (t) => {
  for (const { name, files, paths = ['job.yaml'], want } of badFiles) {
    t.test(name, async (t) => {
      const faults = await faultsIn(t.testdir(files), paths)
      t.equal(faults.length, 1, 'one fault')
      t.match(faults[0], { file: 'job.yaml', ...want })
      if ('line' in want) t.equal(faults[0]?.line, want.line)
    })
  }
  t.end()
})

t.test('all faults are told together, in the order of the files, and as text', async (t) => {
  const bad = jobOf('metadata: {name: b}', 'spec:', '  evnts: 1', '  events: []')
  const folder = t.testdir({ 'one.yaml': 'a: b', 'two.yaml': bad })
  const faults = await faultsIn(folder, ['two.yaml', 'one.yaml', 'three.yaml'])
  t.match(faults, [
    { file: 'two.yaml', line: 5, column: 3, path: 'spec.evnts' },
    { file: 'two.yaml', line: 6, path: 'spec.events' },
    { file: 'one.yaml', line: 1 },
    { file: 'three.yaml' },
  ])
  t.match(
    new JobFileError(faults).message,
    /^two.yaml:5: spec.evnts: unknown field.*\n.*\n.*\nthree.yaml: no such file; /,
  )
})
