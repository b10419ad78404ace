import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import type { Outcome } from '../functions/guests/abi.ts'
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
  const { execute } = loadGuest(join(EXAMPLES_DIR, sample, 'build', event.wasm), env)
  return execute(JSON.stringify({ specversion: '1.0', id: '1', source: '/test', type: 'test', data }))
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
