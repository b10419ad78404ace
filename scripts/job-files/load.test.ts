import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadJobs } from './load.ts'
import { configMap, documents, faultsIn, job, schema, secret } from './test-files.ts'

type Files = NonNullable<Parameters<typeof t.testdir>[0]>

t.test('a Job and all that it refers to, over several files', async (t) => {
  const folder = t.testdir({
    'job.yaml': documents(
      job(
        '      timeoutSeconds: 3',
        '      memory: 1Mi',
        '      retry: {maxAttempts: 2, minDelaySeconds: 2, maxDelaySeconds: 4}',
        '      listener: {auth: {secretKeyRef: {name: sec, key: tokens}}}',
        '      output: {event: ev2}',
        '      env:',
        '        - {name: PLAIN, value: "yes"}',
        '        - {name: PLAIN_SECRET, valueFrom: {secretKeyRef: {name: sec, key: coded}}}',
        '        - {name: CONFIG, valueFrom: {configMapKeyRef: {name: conf, key: k}}}',
        ...['    - name: ev2', '      wasm: b.wasm', '      schema: {name: conf, key: s2}'],
        '      output: {sink: {uri: "http://a.example/b"}}',
        '  queue: {maxBytes: 1Mi, replicas: 3}',
      ),
      secret(`data: {coded: ${Buffer.from('c0ded').toString('base64')}}\nstringData: {tokens: "t1\\nt2"}`),
    ),
    'more.yaml': documents(schema, configMap('conf', '\n  k: v\n  s2.json: |\n    {"type": "object"}')),
    'a.wasm': '',
    build: { 'b.wasm': '' },
  })
  const paths = [join(folder, 'job.yaml'), join(folder, 'more.yaml')]
  const [jobFile = '', moreFile = ''] = paths
  t.strictSame(await loadJobs([...paths, jobFile]), {
    jobs: [
      {
        namespace: 'default',
        name: 'a',
        file: jobFile,
        queue: {
          storage: 'File',
          maxBytes: 1_048_576,
          duplicateWindowSeconds: 120,
          doneRetentionSeconds: 86_400,
          deadRetentionSeconds: 2_592_000,
        },
        events: [
          {
            name: 'ev1',
            schema: { text: '{}', json: {} },
            module: { kind: 'file', path: join(folder, 'a.wasm') },
            timeoutMs: 3000,
            memoryBytes: 1_048_576,
            env: { PLAIN: 'yes', PLAIN_SECRET: 'c0ded', CONFIG: 'v' },
            retry: { maxAttempts: 2, minDelayMs: 2000, maxDelayMs: 4000 },
            runner: { maxReplicas: 10, concurrency: 4 },
            authTokens: 't1\nt2',
            output: { event: 'ev2' },
          },
          {
            name: 'ev2',
            schema: { text: '{"type": "object"}\n', json: { type: 'object' } },
            module: { kind: 'file', path: join(folder, 'build', 'b.wasm') },
            timeoutMs: 10_000,
            memoryBytes: 67_108_864,
            env: {},
            retry: { maxAttempts: 5, minDelayMs: 1000, maxDelayMs: 300_000 },
            runner: { maxReplicas: 10, concurrency: 4 },
            output: { sink: 'http://a.example/b' },
          },
        ],
      },
    ],
    watched: [
      ...[jobFile, moreFile, join(folder, 'assembly')],
      ...[join(folder, 'a.wasm'), join(folder, 'build', 'b.wasm')],
    ],
  })
})

t.test('a schema in a plain file, where no ConfigMap of its name is given', async (t) => {
  const text = '{"type": "object"}\n'
  const cases = [
    { name: '<key>.json', files: { 's.json': text } },
    { name: '<key>', files: { s: text } },
    { name: 'with a byte order mark', files: { 's.json': `\uFEFF${text}` } },
    { name: '<key> beside a folder', files: { s: text, 's.json': {} } },
    { name: 'of exactly 1 MiB', files: { 's.json': text.padEnd(2 ** 20) }, want: text.padEnd(2 ** 20) },
    { name: 'a ConfigMap comes first', files: { 's.json': '?' }, more: schema, want: '{}' },
    {
      name: 'for two events',
      files: { 's.json': text },
      lines: '    - {name: e2, wasm: a.wasm, schema: {key: s}}',
    },
  ]
  for (const { name, files, more, lines = '', want = text } of cases)
    await t.test(name, async (t) => {
      const given = more === undefined ? [job(lines)] : [job(lines), more]
      const folder = t.testdir({ 'job.yaml': documents(...given), 'a.wasm': '', ...files })
      const { jobs, watched } = await loadJobs([join(folder, 'job.yaml')])
      for (const { schema } of jobs[0]?.events ?? []) t.equal(schema.text, want)
      const places = [join(folder, 's.json'), join(folder, 's')]
      t.same(
        places.map((place) => watched.includes(place)),
        more === undefined ? [true, true] : [false, false],
        'both places are watched, where they count',
      )
    })
})

t.test('where a module is found', (t) => {
  const two = ['    - name: ev2', '      wasm: b.wasm', '      schema: {key: s}']
  const source = (folder: string, entry: string) => ({
    kind: 'source',
    entry: join(folder, 'assembly', entry),
    out: join(folder, 'build', 'a.wasm'),
  })
  const file = (...path: string[]) => ({ kind: 'file', path: join(...path) })
  const cases: { name: string; files: Files; lines?: string[]; want: (folder: string) => object }[] = [
    {
      name: 'beside the file',
      files: { 'a.wasm': '', build: { 'a.wasm': '' } },
      want: (folder) => file(folder, 'a.wasm'),
    },
    {
      name: 'in build',
      files: { 'a.wasm': {}, build: { 'a.wasm': '' } },
      want: (folder) => file(folder, 'build', 'a.wasm'),
    },
    {
      name: 'the only source',
      files: { 'a.wasm': '', assembly: { 'index.ts': '' } },
      want: (folder) => source(folder, 'index.ts'),
    },
    {
      name: 'source of its name',
      files: { assembly: { 'index.ts': '', 'a.ts': '' } },
      want: (folder) => source(folder, 'a.ts'),
    },
    {
      name: 'an index that could be of either',
      files: { 'a.wasm': '', 'b.wasm': '', assembly: { 'index.ts': '' } },
      lines: two,
      want: (folder) => file(folder, 'a.wasm'),
    },
    {
      name: 'source beside a built one',
      files: { 'b.wasm': '', assembly: { 'a.ts': '' } },
      lines: two,
      want: (folder) => source(folder, 'a.ts'),
    },
  ]
  for (const { name, files, lines = [], want } of cases) {
    t.test(name, async (t) => {
      const folder = t.testdir({ 'job.yaml': documents(job(...lines), schema), ...(files as object) })
      const { jobs, watched } = await loadJobs([join(folder, 'job.yaml')])
      const module = jobs[0]?.events[0]?.module
      t.strictSame(module, want(folder))
      t.ok(watched.includes(module?.kind === 'source' ? join(folder, 'assembly') : (module?.path ?? '')))
    })
  }
  t.end()
})

t.test('a link that leads nowhere is told as one', async (t) => {
  const folder = t.testdir({ 'other.yaml': '' })
  symlinkSync('../gone/job.yaml', join(folder, 'job.yaml'))
  const [fault] = await faultsIn(folder, ['job.yaml'])
  t.equal(fault?.message, 'is a link to ../gone/job.yaml, which is not there')
})
