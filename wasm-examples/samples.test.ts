import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import type { Outcome } from '../functions/guests/abi.ts'
import { checkAttributes } from '../functions/cloudevents/cloudevent.ts'
import { compileSchema } from '../schemas/validator.ts'
import { EXAMPLES_DIR, buildExamples, sampleNames } from '../scripts/build-examples.ts'
import { dataOf, loadGuest } from './load-guest.ts'

interface Document {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: { readonly events: readonly JobEvent[] }
  readonly data?: Readonly<Record<string, string>>
}

interface JobEvent {
  readonly name: string
  readonly wasm: string
  readonly schema: { readonly key: string }
  readonly env?: readonly { readonly name: string; readonly value: string }[]
  readonly output?: { readonly event: string }
}

function json(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** The documents of a sample's Job file: its events in the order of the Job, and the schema of each by its name. */
function job(sample: string) {
  const text = readFileSync(join(EXAMPLES_DIR, sample, 'job.yaml'), 'utf8')
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Document)
  const events = documents.flatMap((document) => document.spec?.events ?? [])
  const maps = documents.filter(({ kind }) => kind === 'ConfigMap')
  return {
    events,
    schemaOf: ({ schema: { key } }: JobEvent) => maps.find(named(key))?.data?.[`${key}.json`] ?? '',
  }
}

function named(name: string) {
  return ({ metadata }: Document) => metadata.name === name
}

/** Runs data through a module of a sample as the runner would, with the environment of its Job. */
function runSample(sample: string, event: JobEvent, data: unknown): Outcome {
  const env = (event.env ?? []).map(({ name, value }) => [name, value] as const)
  const { executeEvent } = loadGuest(moduleOf(sample, event), env)
  const attributes = { specversion: '1.0', id: '1', source: '/test', type: 'test', subject: 'a test' }
  return executeEvent({
    attributes: checkAttributes(Object.entries(attributes)),
    data: Buffer.from(JSON.stringify(data)),
    trace: {},
  })
}

/** The module that `jobico dev` would take: the one beside the Job file, where the sample's language is another. */
function moduleOf(sample: string, { wasm }: JobEvent): string {
  const ready = join(EXAMPLES_DIR, sample, wasm)
  return existsSync(ready) ? ready : join(EXAMPLES_DIR, sample, 'build', wasm)
}

t.before(() => buildExamples((line) => t.comment(line)))

t.test('each sample turns its event into the expected result, and each schema takes its data', async (t) => {
  for (const sample of await sampleNames()) {
    const { events, schemaOf } = job(sample)
    const cause = json(join(EXAMPLES_DIR, sample, 'event.json')) as { data: unknown }
    let data = cause.data
    let event = events[0]
    while (event) {
      t.same(
        compileSchema(JSON.parse(schemaOf(event)))(data),
        [],
        `the schema of ${event.name} takes its data`,
      )
      data = dataOf(runSample(sample, event, data))
      const next = event.output?.event
      event = events.find(({ name }) => name === next)
    }
    t.strictSame(data, json(join(EXAMPLES_DIR, sample, 'expected.json')), sample)
  }
})

t.test('echo gives back the text of the data untouched', (t) => {
  const text = '{ "b": 1.50, "a": [12345678901234567890,\n"\\u00e9"] }'
  const { execute, logged } = loadGuest(join(EXAMPLES_DIR, 'echo/build/echo.wasm'))
  const outcome = execute(`{"id":"7","data": ${text} ,"source":"/test","type":"test","specversion":"1.0"}`)
  t.strictSame(outcome, { kind: 'ok', data: text })
  t.strictSame(logged, ['info: Got event 7'])
  t.end()
})

t.test('order', (t) => {
  const [event] = job('order').events as [JobEvent]
  const { data } = json(join(EXAMPLES_DIR, 'order/event.json')) as { data: Record<string, unknown> }
  const line = (sku: string, quantity: unknown, unitPrice: unknown) => ({ sku, quantity, unitPrice })
  const big = [line('A', 1000, 9000)]

  const priced = [
    { name: 'no discount', change: { discountPercent: undefined }, total: 8097 },
    { name: 'a whole discount', change: { discountPercent: 100 }, total: 0 },
    {
      name: 'half a cent is rounded up',
      change: { discountPercent: 0, lines: [line('A', 1, 50)], country: 'DE' },
      total: 60,
    },
    {
      name: 'a total on the limit',
      change: { discountPercent: 0, lines: [line('A', 1, 1_000_000)], country: 'US' },
      total: 1e6,
    },
  ]
  for (const { name, change, total } of priced) {
    t.match(dataOf(runSample('order', event, { ...data, ...change })), { total }, name)
  }

  const refused = [
    { change: { country: 'XX' }, reason: /^No tax rate is known for XX: TAX_PERCENT has AT=20,/ },
    { change: { lines: big }, reason: /^The total of \d+\.\d\d CHF is over the limit of 10000\.00 CHF$/ },
    {
      change: { lines: [line('A', 1, 1), line('A', 2, 1)] },
      reason: /^A is there twice: make one line of it$/,
    },
    { change: { currency: undefined }, reason: /^currency should be a string, but is missing$/ },
    { change: { lines: {} }, reason: /^lines should be an array, but is an object$/ },
    { change: { lines: [line('A', 1.5, 1)] }, reason: /^quantity should be an integer, but is 1\.5$/ },
  ]
  for (const { change, reason } of refused) {
    t.match(runSample('order', event, { ...data, ...change }), { kind: 'reject', code: 'REJECTED', reason })
  }

  t.match(runSample('order', { ...event, env: [] }, data), {
    kind: 'retry',
    reason: 'TAX_PERCENT is not set: add it to the env of the Job',
    afterMs: 60_000,
  })
  t.end()
})

t.test('chain', (t) => {
  const [signup, welcome] = job('chain').events as [JobEvent, JobEvent]
  const blocked = runSample('chain', signup, { email: 'x@TRASH.invalid', name: 'X' })
  t.match(blocked, { kind: 'reject', reason: 'No accounts for addresses at trash.invalid' })
  const account = dataOf(runSample('chain', signup, { email: 'x@example.com', name: 'Xi' }))
  t.strictSame(account, { to: 'x@example.com', firstName: 'Xi', language: 'en' })
  t.match(dataOf(runSample('chain', welcome, account)), { text: 'Welcome, Xi! 👋' })
  t.end()
})

t.test('mask', (t) => {
  const [event] = job('mask').events as [JobEvent]
  const texts = [
    { name: 'no digits at all', text: '', masked: '' },
    { name: 'the characters around a number', text: 'é4111111111111111😀', masked: 'é************1111😀' },
    { name: 'what JSON escapes', text: '"\\/\b\f\n\r\t\u0001\u2028', masked: '"\\/\b\f\n\r\t\u0001\u2028' },
    { name: 'hyphens', text: '5555-5555-5555-4444', masked: '****-****-****-4444' },
    {
      name: 'numbers beside each other',
      text: '378282246310005 4111111111111111',
      masked: '***********0005 ************1111',
    },
    {
      name: 'a number before and after',
      text: '12 4111 1111 1111 1111 5',
      masked: '12 **** **** **** 1111 5',
    },
    { name: 'a number that fails its check', text: '4111111111111112', masked: '4111111111111112' },
    {
      name: 'the shortest and the longest',
      text: '4222222222222, 6304000000000000000',
      masked: '*********2222, ***************0000',
    },
    {
      name: 'too short and too long',
      text: '424242424242, 42424242424242424242',
      masked: '424242424242, 42424242424242424242',
    },
    { name: 'two spaces', text: '4111 1111  1111 1111', masked: '4111 1111  1111 1111' },
  ]
  for (const { name, text, masked } of texts) t.equal(dataOf(runSample('mask', event, text)), masked, name)

  const { execute, logged } = loadGuest(moduleOf('mask', event))
  t.strictSame(execute(' "\\u0034111111111111111 \\ud83d\\uDE00 \\/" '), {
    kind: 'ok',
    data: '"************1111 😀 /"',
  })
  t.strictSame(logged, ['info: Masked 1 card numbers'])
  const noCharacter = 'error 422: the data has an escape that stands for no character'
  for (const half of ['"\\ud800"', '"\\ud800\\u0041"', '"\\ude00"', '"\\ud800x"'])
    t.strictSame(execute(half), { kind: 'reject', code: 'REJECTED', reason: noCharacter }, half)
  for (const other of ['', '{}', '"', '4111111111111111'])
    t.match(execute(other), { kind: 'reject', reason: 'error 422: the data is no JSON string' }, other)
  t.end()
})

t.test('readings', (t) => {
  const [event] = job('readings').events as [JobEvent]
  const one = { count: 1, min: 7, median: 7, max: 7, mean: 7, deviation: 0 }
  t.strictSame(dataOf(runSample('readings', event, [7])), one)
  const many = Array.from({ length: 10_000 }, (_, index) => (index % 101) - 20)
  t.match(dataOf(runSample('readings', event, many)), { count: 10_000, min: -20, median: 30, max: 80 })

  const { executeEvent, execute, logged } = loadGuest(moduleOf('readings', event), [
    ['SENSOR_MIN', '-1e3'],
    ['SENSOR_MAX', '1e3'],
  ])
  const attributes = checkAttributes(
    Object.entries({ specversion: '1.0', id: '1', source: '/test', type: 'test', subject: 'a pond' }),
  )
  const outcome = executeEvent({ attributes, data: Buffer.from(' [ -0 ,1E+1,\n0.5e-2] '), trace: {} })
  t.match(dataOf(outcome), { count: 3, median: 0.005, max: 10, mean: 3.335 })
  t.strictSame(logged, ['info: Got 3 readings of a pond'])
  const refused = [
    { data: '[1, 1e999]', reason: 'reading 2 is inf, the sensor measures from -1000 to 1000' },
    { data: '[-1000.5]', reason: 'reading 1 is -1000.5, the sensor measures from -1000 to 1000' },
    { data: '[1, "2"]', reason: 'reading 2 is no number' },
    { data: '{}', reason: 'the data is no array' },
  ]
  for (const { data, reason } of refused)
    t.strictSame(execute(data), { kind: 'reject', code: 'REJECTED', reason }, data)

  t.match(runSample('readings', { ...event, env: [] }, [1]), {
    kind: 'retry',
    code: 'RETRY_REQUESTED',
    reason: 'SENSOR_MIN is not set: add it to the env of the Job',
  })
  t.end()
})
