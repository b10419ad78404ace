import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

import type { Outcome } from '../../functions/guests/abi.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { diffLines } from '../cli/project/line-diff.ts'
import { loadJobs } from '../job-files/load.ts'
import { examplesOf } from './examples.ts'
import { loadGuest } from './load-guest.ts'
import { runExample } from './run-example.ts'
import { invalidJson, outcomeJson } from '../testing/outcome-json.ts'

const reason = 'why'
const outcomes: readonly { readonly outcome: Outcome; readonly seen: unknown }[] = [
  { outcome: { kind: 'ok', data: '{"a":[1,"x"]}' }, seen: { a: [1, 'x'] } },
  { outcome: { kind: 'ok', data: 'null' }, seen: null },
  { outcome: { kind: 'ok', data: undefined }, seen: { $none: true } },
  { outcome: { kind: 'ok', data: '{"$none":1}' }, seen: { $result: { $none: 1 } } },
  {
    outcome: { kind: 'ok', data: '1', emitted: [{ event: 'e', data: '{"x":2}' }] },
    seen: { $result: 1, $emitted: [{ event: 'e', data: { x: 2 } }] },
  },
  {
    outcome: { kind: 'ok', data: undefined, emitted: [{ event: 'e', data: '0' }] },
    seen: { $emitted: [{ event: 'e', data: 0 }] },
  },
  { outcome: { kind: 'reject', code: 'REJECTED', reason }, seen: { $reject: reason } },
  {
    outcome: { kind: 'reject', code: 'RESULT_TOO_LARGE', reason },
    seen: { $reject: reason, code: 'RESULT_TOO_LARGE' },
  },
  { outcome: { kind: 'retry', code: 'RETRY_REQUESTED', reason }, seen: { $retry: reason } },
  {
    outcome: { kind: 'retry', code: 'RETRY_REQUESTED', reason, afterMs: 1500 },
    seen: { $retry: reason, afterSeconds: 1.5 },
  },
  { outcome: { kind: 'retry', code: 'MODULE_TRAP', reason }, seen: { $retry: reason, code: 'MODULE_TRAP' } },
]

t.test('outcomes as files say them', (t) => {
  for (const { outcome, seen } of outcomes) t.strictSame(outcomeJson(outcome), seen)
  const faults = [
    { pointer: '', detail: 'is no object' },
    { pointer: '/a', detail: 'is missing' },
  ]
  t.strictSame(invalidJson('e', faults), { $invalid: 'e', errors: ['/ is no object', '/a is missing'] })
  t.end()
})

t.test('lines that differ', (t) => {
  const cases = [
    ['a b c', 'a b c', '  a|  b|  c'],
    ['a b c', 'a x c', '  a|- b|+ x|  c'],
    ['a', 'b a', '+ b|  a'],
    ['a b', 'b', '- a|  b'],
    ['', 'a', '- |+ a'],
  ] as const
  for (const [before, after, want] of cases)
    t.equal(diffLines(before.split(' '), after.split(' ')).join('|'), want)
  t.end()
})

const JOB = (events: string) => `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: two}
spec:
  events:
${events}---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any: '{}'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: number}
data: {number: '{"type": "number"}'}
`
const EVENTS = `  - {name: first, wasm: all.wasm, schema: {key: any}, timeoutSeconds: 1, env: [{name: WHO, value: Ada}], output: {event: second}}
  - {name: second, wasm: all.wasm, schema: {key: number}}
`
const MODULE = `import { Json, emit, env, log, parseEvent, reject, retry } from "jobico"
export function handle(text: string): string | null {
  const event = parseEvent(text)
  const verb = event.dataText
  if (verb == '"loop"') while (true) {}
  if (verb == '"emit"') emit("second", Json.of(2))
  if (verb == '"emit wrong"') emit("second", '"x"')
  if (verb == '"number"') return "7"
  if (verb == '"wrong"') return "true"
  if (verb == '"reject"') return reject("no")
  if (verb == '"retry"') return retry(3, "later")
  if (verb == '"who"') log.warn(\`\${env("WHO")} \${event.type}\`)
  return verb == "7" ? Json.object().set("source", event.source).toString() : null
}
`

t.test('examples', async (t) => {
  const folder = t.testdir({ 'job.yaml': JOB(EVENTS), assembly: { 'all.ts': MODULE } })
  const put = (path: string, content: string) => {
    const file = join(folder, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, content)
  }
  const { jobs } = await loadJobs([join(folder, 'job.yaml')])
  const [first] = jobs[0]?.events ?? []
  const module = first?.module
  if (module?.kind !== 'source') throw new Error('the module has a source')
  await compileAssemblyScript({ ...module, optimize: false })

  t.strictSame(await examplesOf(jobs), [])
  put('event.json', '"number"')
  put('examples/first/b.json', '"who"')
  put('examples/first/b.expected.json', '{}')
  put('examples/second/a.json', '7')
  const files = (await examplesOf(jobs)).map(({ event, file, expectedFile }) =>
    [event.name, file, expectedFile].map((each) => each.replace(`${folder}/`, '')),
  )
  t.strictSame(files, [
    ['first', 'event.json', 'expected.json'],
    ['first', 'examples/first/b.json', 'examples/first/b.expected.json'],
    ['second', 'examples/second/a.json', 'examples/second/a.expected.json'],
  ])
  put('examples/third/a.json', '1')
  await t.rejects(examplesOf(jobs), { message: /third names no event of .*job\.yaml.*first, second/ })

  const cases = [
    { data: '"number"', seen: { source: '/namespaces/default/jobs/two/events/first' } },
    { data: '"wrong"', seen: { $invalid: 'second', errors: ['/ must be a number, but is a boolean'] } },
    { data: '"emit"', seen: { $emitted: [{ event: 'second', data: 2 }] } },
    { data: '"emit wrong"', seen: { $invalid: 'second' } },
    { data: '"reject"', seen: { $reject: 'no' } },
    { data: '"retry"', seen: { $retry: 'later', afterSeconds: 3 } },
    {
      data: '"loop"',
      seen: { $retry: /^the execution took longer than timeoutSeconds \(1 s\)/, code: 'TIMEOUT' },
    },
    {
      data: '{"specversion":"1.0","id":"1","source":"/s","type":"t.t","data":"who"}',
      seen: { $none: true },
      lines: [{ level: 'warn', message: 'Ada t.t' }],
    },
  ]
  for (const { data, seen, lines = [] } of cases) {
    put('event.json', data)
    const [job] = jobs
    if (job === undefined || first === undefined) throw new Error('there is a Job')
    const file = join(folder, 'event.json')
    t.match(await runExample({ job, event: first, file, expectedFile: '' }), { seen, lines }, data)
  }

  t.test('a guest for tests with plain Node', async (t) => {
    const guest = await loadGuest(module.out, { env: { WHO: 'Bob' }, events: ['second'] })
    const same = [
      { event: { data: 'number' }, outcome: { kind: 'ok', data: 7, emitted: [], lines: [] } },
      {
        event: { data: 'emit' },
        outcome: { kind: 'ok', data: undefined, emitted: [{ event: 'second', data: 2 }], lines: [] },
      },
      {
        event: { data: 'who', type: 'a.b' },
        outcome: { kind: 'ok', data: undefined, emitted: [], lines: [{ level: 'warn', message: 'Bob a.b' }] },
      },
      { event: { data: 'reject' }, outcome: { kind: 'reject', code: 'REJECTED', reason: 'no', lines: [] } },
      {
        event: { data: 'retry' },
        outcome: { kind: 'retry', code: 'RETRY_REQUESTED', reason: 'later', afterSeconds: 3, lines: [] },
      },
      { event: {}, outcome: { kind: 'ok', data: undefined, emitted: [], lines: [] } },
    ] as const
    for (const { event, outcome } of same) t.strictSame(guest.run(event), outcome)
    t.throws(() => guest.run({ time: 'now' }), { message: /time must be an RFC 3339 timestamp/ })
    await t.rejects(loadGuest(join(folder, 'none.wasm')), {
      message: /none\.wasm can not be read; run npx jobico build first/,
    })
  })
})
