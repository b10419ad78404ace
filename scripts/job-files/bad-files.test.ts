import t from 'tap'
import { JobFileError } from './fault.ts'
import { configMap, documents, faultsIn, job, jobOf, schema, secret } from './test-files.ts'

type Files = Readonly<Record<string, string | Buffer | object>>

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
    files: one(`a: &a [${'x,'.repeat(100)}]\nb: &b [${'*a,'.repeat(60)}]\nc: [${'*b,'.repeat(60)}]`),
    want: { line: 1, message: /aliases \(\*\) stand for more than/ },
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
    name: 'a Secret with a blank in its base64',
    files: one(documents(job(), schema, secret('data: {k: "YWJj ZGVm"}'))),
    want: { line: 18, path: 'data.k', message: /base64/ },
  },
  {
    name: 'a Secret without the = of its base64',
    files: one(documents(job(), schema, secret('data: {k: YQ}'))),
    want: { line: 18, path: 'data.k', message: /with = at the end/ },
  },
  {
    name: 'a ConfigMap of 1 MiB and a byte',
    files: one(documents(job(), configMap('s', `{s: "{}", t: "${'x'.repeat(2 ** 20 - 1)}"}`))),
    want: {
      line: 12,
      path: 'metadata.name',
      message: /the ConfigMap s has 1048577 bytes of data, and the API server takes at most 1048576/,
    },
  },
  {
    name: 'a ConfigMap past 1 MiB by bytes, not by characters',
    files: one(documents(job(), configMap('s', `{s: "{}", t: "${'é'.repeat(2 ** 19)}"}`))),
    want: { line: 12, message: /1048578 bytes/ },
  },
  {
    name: 'a ConfigMap past 1 MiB with its binaryData',
    files: one(
      documents(
        job(),
        `${configMap('s', '{s: "{}"}')}\nbinaryData: {b: ${Buffer.alloc(2 ** 20 - 1).toString('base64')}}`,
      ),
    ),
    want: { line: 12, message: /1048577 bytes/ },
  },
  {
    name: 'a Secret past 1 MiB',
    files: one(
      documents(job(), schema, secret(`stringData: {a: "${'x'.repeat(2 ** 20)}"}\ndata: {b: YQ==}`)),
    ),
    want: { line: 17, message: /the Secret sec has 1048577 bytes/ },
  },
  {
    name: 'a key that begins with two dots',
    files: one(documents(job(), configMap('s', '{s: "{}", ..t: ""}'))),
    want: { line: 13, path: 'data["..t"]', message: /not begin with two dots/ },
  },
  {
    name: 'a key with a slash',
    files: one(documents(job(), configMap('s', '{s: "{}", a/b: ""}'))),
    want: { line: 13, message: /at most 253 letters, digits/ },
  },
  {
    name: 'a key in data and in binaryData',
    files: one(documents(job(), configMap('s', '{s: "{}"}') + '\nbinaryData: {s: YQ==}')),
    want: { line: 14, path: 'binaryData.s', message: /is under data, too/ },
  },
  {
    name: 'a ConfigMap whose name has two dots together',
    files: one(documents(job(), configMap('s..t', '{s: "{}"}'))),
    want: { line: 12, path: 'metadata.name', message: /both sides of each dot/ },
  },
  {
    name: 'an unknown field of the metadata of a ConfigMap',
    files: one(documents(job(), schema.replace('{name: s}', '{name: s, lables: {}}'))),
    want: { line: 12, path: 'metadata.lables', message: /did you mean "labels"/ },
  },
  {
    name: 'a label that is no string',
    files: one(documents(job(), schema.replace('{name: s}', '{name: s, labels: {a: true}}'))),
    want: { line: 12, path: 'metadata.labels.a', message: /must be a string, but is a boolean/ },
  },
  {
    name: 'a schema in two plain files',
    files: { ...one(job()), s: '{}', 's.json': '{}' },
    want: {
      line: 8,
      path: 'spec.events[0].schema.key',
      message: /s\.json or in s, and both are there; remove one/,
    },
  },
  {
    name: 'a plain file that is no JSON',
    files: { ...one(job()), 's.json': '{\n  "type": x\n}' },
    want: { file: 's.json', line: 2, message: /not JSON/ },
  },
  {
    name: 'a plain file that is no schema',
    files: { ...one(job()), 's.json': '{"type": "int"}' },
    want: { file: 's.json', message: /at \/type: must be one of/ },
  },
  {
    name: 'a plain file that is no UTF-8',
    files: { ...one(job()), 's.json': Buffer.from([0x22, 0xff, 0x22]) },
    want: { line: 8, message: /s\.json can not be read: .*utf-8/ },
  },
  {
    name: 'a plain file past 1 MiB',
    files: { ...one(job()), 's.json': `{}${' '.repeat(2 ** 20)}` },
    want: { line: 8, message: /the schema in s\.json has 1048578 bytes/ },
  },
  {
    name: 'plain files of one ConfigMap past 1 MiB',
    files: {
      ...one(
        job().replace('key: s', 'key: s, name: all') +
          '\n    - {name: ev2, wasm: a.wasm, schema: {key: t, name: all}}',
      ),
      's.json': `{}${' '.repeat(2 ** 19)}`,
      't.json': `{}${' '.repeat(2 ** 19)}`,
    },
    want: {
      line: 8,
      path: 'spec.events[0].schema.name',
      message: /ConfigMap all of the schemas in s\.json, t\.json/,
    },
  },
  {
    name: 'a plain file whose key is no name of a ConfigMap',
    files: { ...one(job().replace('key: s', 'key: My_S')), 'My_S.json': '{}' },
    want: {
      line: 8,
      path: 'spec.events[0].schema.key',
      message: /My_S can not be the name of one.*add schema\.name/,
    },
  },
  {
    name: 'no such key, with a plain file beside',
    files: { ...one(documents(job(), configMap('s', '{other: "{}"}'))), 's.json': '{}' },
    want: {
      line: 8,
      message:
        /no data key s or s.json, only other.*or remove the ConfigMap from the files and keep the schema in s\.json/,
    },
  },
  {
    name: 'no ConfigMap, and a folder where the plain file would be',
    files: { ...one(job()), s: {} },
    want: { line: 8, message: /put the schema into s\.json, or add the ConfigMap/ },
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
      const faults = await faultsIn(
        t.testdir({ ...files } as NonNullable<Parameters<typeof t.testdir>[0]>),
        paths,
      )
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
