import pc from 'picocolors'
import t from 'tap'

import { compileSchema } from '../../schemas/validator.ts'
import { restartDelayMs } from './processes/backoff.ts'
import { desiredOf, type PreparedEvent, type PreparedJob } from './desired-processes.ts'
import { diffChildren } from './processes/process-diff.ts'
import { curlLine } from './sample-data/example.ts'
import { reorderBuffer } from './output/reorder-buffer.ts'
import { parseChildLine, type Report } from './output/report.ts'
import { sampleOf } from './sample-data/sample.ts'
import { coalesce } from './coalesce.ts'
import { jsonView, textView } from './output/view.ts'

const SURROUNDINGS = {
  ...{ natsUrl: 'nats://127.0.0.1:4222', runDir: '/run', logLevel: 'info' },
  credentials: { listener: 'those of listeners', runner: 'those of runners' },
}

function event(name: string, changes: Partial<PreparedEvent> = {}): PreparedEvent {
  return {
    name,
    schema: { text: `{"title":"${name}"}`, json: { title: name } },
    module: { kind: 'file', path: '/x.wasm' },
    moduleBytes: Buffer.from('module'),
    digest: 'sha256-00',
    emits: false,
    timeoutMs: 10_000,
    memoryBytes: 67_108_864,
    env: {},
    retry: { maxAttempts: 5, minDelayMs: 1_000, maxDelayMs: 300_000 },
    runner: { maxReplicas: 10, concurrency: 4 },
    ...changes,
  }
}

function job(...events: readonly PreparedEvent[]): PreparedJob {
  return {
    namespace: 'default',
    name: 'shop',
    file: 'job.yaml',
    queue: {
      storage: 'File',
      maxBytes: 268_435_456,
      duplicateWindowSeconds: 120,
      doneRetentionSeconds: 86_400,
      deadRetentionSeconds: 2_592_000,
    },
    events,
  }
}

t.test('the children of a Job', (t) => {
  const { children, files, plans } = desiredOf(
    [job(event('a', { env: { RATE: '8' }, output: { event: 'b' }, authTokens: 'secret\n' }), event('b'))],
    SURROUNDINGS,
  )
  t.same(
    children.map(({ id }) => id),
    ['listener/a', 'runner/a', 'listener/b', 'runner/b'],
  )
  const environmentOf = (id: string) => children.find((child) => child.id === id)?.environment ?? {}
  const contentOf = (id: string, variable: string) => files.get(environmentOf(id)[variable] ?? '')
  const contract = {
    NATS_URL: SURROUNDINGS.natsUrl,
    METRICS_PORT: '0',
    JOBICO_NAMESPACE: 'default',
    JOBICO_JOB: 'shop',
    JOBICO_EVENT: 'a',
  }
  t.equal(contentOf('listener/a', 'NATS_CREDS_FILE'), SURROUNDINGS.credentials.listener)
  t.equal(contentOf('runner/b', 'NATS_CREDS_FILE'), SURROUNDINGS.credentials.runner)
  t.match(environmentOf('listener/a'), {
    ...contract,
    HOST: '127.0.0.1',
    PORT: '0',
    JOBICO_EXPOSE_RESULTS: 'true',
  })
  t.match(environmentOf('runner/a'), {
    ...contract,
    JOBICO_GUEST_RATE: '8',
    JOBICO_TIMEOUT_MS: '10000',
    JOBICO_MAX_ATTEMPTS: '5',
    JOBICO_CONCURRENCY: '4',
    JOBICO_DEAD_RETENTION_S: '2592000',
  })
  t.equal(contentOf('listener/a', 'JOBICO_SCHEMA'), '{"title":"a"}')
  t.equal(contentOf('listener/a', 'JOBICO_AUTH_FILE'), 'secret\n')
  t.same(contentOf('runner/a', 'JOBICO_MODULE'), Buffer.from('module'))
  t.notOk('JOBICO_AUTH_FILE' in environmentOf('listener/b'))
  t.notOk('JOBICO_OUTPUT' in environmentOf('runner/b'))
  t.notOk('JOBICO_EMIT' in environmentOf('runner/a'))
  const schema = environmentOf('listener/b')['JOBICO_SCHEMA']
  t.equal(environmentOf('runner/a')['JOBICO_OUTPUT'], JSON.stringify({ event: 'b', schema }))
  t.match(plans, [
    {
      ref: { namespace: 'default', job: 'shop' },
      queue: { storage: 'File', maxBytes: 268_435_456, replicas: 1 },
      events: ['a', 'b'],
      outputs: new Map([['a', 'b']]),
    },
  ])
  t.end()
})

t.test('a module that emits is given the schemas of the other events', (t) => {
  const { children, files } = desiredOf(
    [job(event('a', { emits: true }), event('b'), event('c'))],
    SURROUNDINGS,
  )
  const text = children.find(({ id }) => id === 'runner/a')?.environment['JOBICO_EMIT'] ?? ''
  const schemas = Object.entries(JSON.parse(text) as Record<string, string>)
  t.same(
    schemas.map(([name, path]) => [name, files.get(path)]),
    [
      ['b', '{"title":"b"}'],
      ['c', '{"title":"c"}'],
    ],
  )
  t.end()
})

t.test('what a change starts and removes', (t) => {
  const cases: readonly {
    name: string
    from: PreparedJob[]
    to: PreparedJob[]
    start: string[]
    remove: string[]
  }[] = [
    { name: 'nothing changed', from: [job(event('a'))], to: [job(event('a'))], start: [], remove: [] },
    { name: 'from nothing', from: [], to: [job(event('a'))], start: ['listener/a', 'runner/a'], remove: [] },
    {
      name: 'a module',
      from: [job(event('a'), event('b'))],
      to: [job(event('a', { moduleBytes: Buffer.from('new') }), event('b'))],
      start: ['runner/a'],
      remove: [],
    },
    {
      name: 'the schema of the next event',
      from: [job(event('a', { output: { event: 'b' } }), event('b'))],
      to: [job(event('a', { output: { event: 'b' } }), event('b', { schema: { text: '{}', json: {} } }))],
      start: ['runner/a', 'listener/b'],
      remove: [],
    },
    {
      name: 'the tokens',
      from: [job(event('a', { authTokens: 'one' }))],
      to: [job(event('a', { authTokens: 'two' }))],
      start: ['listener/a'],
      remove: [],
    },
    {
      name: 'an event gone, another one new',
      from: [job(event('a'), event('b'))],
      to: [job(event('b'), event('c'))],
      start: ['listener/c', 'runner/c'],
      remove: ['listener/a', 'runner/a'],
    },
  ]
  for (const { name, from, to, start, remove } of cases) {
    const diff = diffChildren(desiredOf(from, SURROUNDINGS).children, desiredOf(to, SURROUNDINGS).children)
    t.same({ start: diff.start.map(({ id }) => id), remove: diff.remove }, { start, remove }, name)
  }
  t.end()
})

t.test('the back-off of children', (t) => {
  const cases: readonly [previous: number | undefined, lived: number, next: number][] = [
    [undefined, 5, 100],
    [100, 5, 200],
    [3_200, 5, 5_000],
    [5_000, 5, 5_000],
    [5_000, 10_000, 100],
  ]
  for (const [previous, lived, next] of cases) t.equal(restartDelayMs(previous, lived), next)
  t.end()
})

t.test('lines of children as people see them', (t) => {
  const key = 'abcdefghijklmnopqrstuvwxyz'
  const view = textView(pc.createColors(false), false)
  const cases: readonly [line: Record<string, unknown>, shown: RegExp | undefined][] = [
    [
      { msg: 'Accepted', key, duplicate: false },
      /^\d\d:\d\d:\d\d ev1 {8}accepted {2}abcdefghijklmnopqrstuvwxyz$/,
    ],
    [
      { msg: 'Accepted', key, duplicate: true },
      /accepted {2}abcdefghijklmnopqrstuvwxyz \(a duplicate: not run again\)$/,
    ],
    [{ msg: 'Refused', code: 'DATA_INVALID', level: 'warn' }, /refused {3}DATA_INVALID$/],
    [
      { msg: 'Event done', key, attempts: 1, durationMs: 3.14159 },
      /done {6}abcdefghijklmnopqrstuvwxyz 3\.1 ms$/,
    ],
    [
      { msg: 'Event done', key, attempts: 3, durationMs: 314.1 },
      /abcdefghijklmnopqrstuvwxyz 314 ms after 3 attempts$/,
    ],
    [
      { msg: 'Event retried', key, attempt: 2, code: 'MODULE_TRAP', reason: 'unreachable', delayMs: 21_000 },
      /retried {3}abcdefghijklmnopqrstuvwxyz attempt 2 failed, next in 21 s: MODULE_TRAP: unreachable$/,
    ],
    [
      { msg: 'Event dead', key, attempts: 5, code: 'REJECTED', reason: 'no\u001b[2J\nname' },
      /dead {6}abcdefghijklmnopqrstuvwxyz REJECTED: no \[2J name after 5 attempts$/,
    ],
    [{ msg: 'hello\r\nthere\u202e', key, guest: true }, /log {7}abcdefghijklmnopqrstuvwxyz \| hello there$/],
    [
      { msg: 'Consumer does not answer', level: 'warn', component: 'runner' },
      /runner {2}Consumer does not answer$/,
    ],
    [
      { msg: 'Failed', level: 'error', component: 'runner', err: { message: 'why' } },
      /runner {2}Failed: why$/,
    ],
    [{ msg: 'constructor' }, undefined],
    [{ msg: 'Connected to NATS' }, undefined],
  ]
  for (const [line, shown] of cases) {
    const text = view({
      kind: 'line',
      line: { level: 'info', time: '2026-01-31T12:00:00Z', component: '', event: 'ev1', msg: '', ...line },
    })
    if (shown === undefined) t.equal(text, undefined, String(line['msg']))
    else t.match(text, shown)
  }
  t.equal(view({ kind: 'note', level: 'error', text: 'bad' }), 'error: bad')
  t.equal(view({ kind: 'note', level: 'warn', text: 'odd' }), 'warning: odd')
  t.same(JSON.parse(jsonView()({ kind: 'note', level: 'info', text: 'fine' }) ?? ''), {
    level: 'info',
    msg: 'fine',
  })
  t.match(
    textView(
      pc.createColors(false),
      true,
    )({ kind: 'line', line: { level: 'info', time: '', component: 'runner', event: 'a', msg: 'Ready' } }),
    /^--:--:-- a {10}runner is ready$/,
  )
  t.end()
})

t.test('lines that are no log lines', (t) => {
  t.equal(parseChildLine('Debugger attached.'), undefined)
  t.equal(parseChildLine('{"level":'), undefined)
  t.match(parseChildLine('{"msg":"hello","port":1}'), { level: 'info', msg: 'hello', port: 1, component: '' })
  t.end()
})

t.test('samples of schemas pass them', (t) => {
  const person = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }
  const schemas: readonly unknown[] = [
    true,
    {},
    person,
    { ...person, properties: { name: { type: 'string', minLength: 30, maxLength: 31 } } },
    { ...person, properties: { name: { type: 'string', maxLength: 2 } } },
    { type: 'string', format: 'date-time' },
    { type: 'string', format: 'uuid' },
    { type: 'string', format: 'email' },
    { type: ['null', 'integer'], minimum: 3 },
    { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 2 },
    { type: 'integer', minimum: -10, maximum: -5 },
    { type: 'integer', minimum: 3, multipleOf: 5 },
    { enum: ['CHF', 'EUR'] },
    { const: false },
    { type: 'boolean' },
    { type: 'null' },
    { type: 'string', examples: ['AB-1'], pattern: '^[A-Z]{2}-[0-9]$' },
    { type: 'array', minItems: 2, items: person },
    { items: { type: 'string' }, minItems: 1 },
    {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      prefixItems: [{ type: 'string' }, { type: 'integer' }],
      minItems: 2,
    },
    {
      definitions: { person },
      type: 'object',
      properties: { who: { $ref: '#/definitions/person' } },
      required: ['who'],
    },
    { allOf: [person, { properties: { age: { type: 'integer' } }, required: ['age'] }] },
    { anyOf: [person, { type: 'string' }] },
    { oneOf: [{ type: 'integer' }, { type: 'string' }] },
    { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } }, minProperties: 1 },
    {
      definitions: {
        tree: {
          type: 'object',
          properties: { below: { type: 'array', items: { $ref: '#/definitions/tree' } } },
        },
      },
      $ref: '#/definitions/tree',
    },
  ]
  for (const schema of schemas) {
    const sample = sampleOf(schema)
    t.same(compileSchema(schema)(sample), [], `${JSON.stringify(schema)} takes ${JSON.stringify(sample)}`)
  }
  t.doesNotThrow(() => sampleOf({ $ref: '#' }))
  t.doesNotThrow(() => sampleOf({ type: 'array', minItems: 1e9, items: { $ref: '#' } }))
  t.end()
})

t.test('a curl line is one command of a shell', (t) => {
  t.equal(
    curlLine('http://127.0.0.1:8080/listener/a', { name: "O'Brien" }, 'cat x'),
    String.raw`curl -H 'content-type: application/json' -H "authorization: Bearer $(cat x | head -n 1)" -d '{"data":[{"name":"O'\''Brien"}]}' http://127.0.0.1:8080/listener/a`,
  )
  t.end()
})

t.test('reports come in the order of their times', async (t) => {
  const shown: string[] = []
  const all = Promise.withResolvers<undefined>()
  const { show, flush } = reorderBuffer((report) => {
    shown.push(report.kind === 'line' ? report.line.msg : report.text)
    if (shown.length === 2) all.resolve(undefined)
  })
  const line = (msg: string, time: number): Report => ({
    kind: 'line',
    line: { level: 'info', time: new Date(time).toISOString(), msg, component: '', event: '' },
  })
  const now = Date.now()
  show(line('second', now))
  show(line('first', now - 50))
  await all.promise
  show({ kind: 'note', level: 'info', text: 'third' })
  flush()
  t.same(shown, ['first', 'second', 'third'])
})

t.test('what a runner does with an event is shown after its acceptance, however late that is told', (t) => {
  const shown: unknown[] = []
  const { show, flush } = reorderBuffer((report) => {
    if (report.kind === 'line') shown.push([report.line.msg, report.line['key']])
  })
  const line = (msg: string, key: string, time: number): Report => ({
    kind: 'line',
    line: { level: 'info', time: new Date(time).toISOString(), msg, key, component: '', event: '' },
  })
  const now = Date.now() - 50
  show(line('Event done', 'a', now + 1))
  show(line('Event done', 'b', now + 2))
  show(line('a log line', 'a', now))
  show(line('Accepted', 'a', now + 4))
  show(line('Accepted', 'b', now + 1))
  flush()
  t.same(shown, [
    ['Accepted', 'b'],
    ['Event done', 'b'],
    ['Accepted', 'a'],
    ['a log line', 'a'],
    ['Event done', 'a'],
  ])
  t.end()
})

t.test('a task in turn runs once more for all calls that come while it runs', async (t) => {
  let runs = 0
  const gate = Promise.withResolvers<undefined>()
  const turn = coalesce(async () => {
    runs++
    await gate.promise
  })
  turn.ask()
  turn.ask()
  turn.ask()
  gate.resolve(undefined)
  while (runs < 2) await gate.promise
  await turn.close()
  turn.ask()
  t.equal(runs, 2)
})
