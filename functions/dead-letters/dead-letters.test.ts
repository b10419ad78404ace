import { setImmediate as turn } from 'node:timers/promises'

import { headers } from '@nats-io/transport-node'
import t from 'tap'

import { eventHeaders } from '../cloudevents/nats-binding.ts'
import {
  DEATH_CODES,
  matchesFilter,
  deadLetterOfMessage,
  type DeadLetter,
  type DeadLetterFilter,
} from './dead-letters.ts'
import { ERROR_CODES, JobicoError } from '../process/errors.ts'
import { forEachConcurrently } from '../process/concurrency.ts'
import { createRateLimit } from '../process/rate-limit.ts'
import { createRetry, whyStopped } from '../process/retry.ts'
import { redrivenCopy } from './redrive.ts'
import { JOBICO_HEADERS, verdictHeaders } from '../outcomes/verdict.ts'

const LETTER: DeadLetter = {
  event: 'ev1',
  key: 'k1',
  code: 'TIMEOUT',
  reason: 'r',
  attempts: 5,
  time: '2026-01-01T00:00:00.000Z',
  module: 'sha256-0',
  ...{ id: '1', source: '/s', type: 't' },
}
const MADE = Date.parse(LETTER.time)

const filters: readonly { readonly filter: DeadLetterFilter; readonly want: boolean }[] = [
  { filter: {}, want: true },
  { filter: { event: 'ev1' }, want: true },
  { filter: { event: 'ev' }, want: false },
  { filter: { codes: ['REJECTED', 'TIMEOUT'] }, want: true },
  { filter: { codes: ['REJECTED'] }, want: false },
  { filter: { codes: [] }, want: false },
  { filter: { since: MADE }, want: true },
  { filter: { since: MADE + 1 }, want: false },
  { filter: { before: MADE }, want: false },
  { filter: { before: MADE + 1 }, want: true },
  { filter: { keys: ['k0', 'k1'] }, want: true },
  { filter: { keys: ['k'] }, want: false },
  {
    filter: { event: 'ev1', codes: ['TIMEOUT'], since: MADE - 1, before: MADE + 1, keys: ['k1'] },
    want: true,
  },
  { filter: { event: 'ev1', codes: ['TIMEOUT'], since: MADE - 1, before: MADE, keys: ['k1'] }, want: false },
]

t.test('which letters a filter is for', (t) => {
  for (const { filter, want } of filters) t.equal(matchesFilter(LETTER, filter), want, JSON.stringify(filter))
  t.notOk(matchesFilter({ ...LETTER, time: 'once' }, { since: 0 }), 'a time that can not be read is no time')
  t.end()
})

t.test('the codes that an event can die with are those of executions and their results', (t) => {
  const bad = Object.entries(ERROR_CODES).filter(
    ([code, { status }]) => status === 502 && code !== 'EVENT_DEAD',
  )
  t.same([...DEATH_CODES].sort(), [...bad.map(([code]) => code), 'INTERNAL'].sort())
  t.end()
})

const ATTRIBUTES = { specversion: '1.0', id: 'ü 1', source: '/s', type: 't', subject: 'x' }
const TRACE = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'a=1' }
const DATA = Buffer.from([0, 255, 1])

function bodyHeaders() {
  const fields = eventHeaders({ attributes: ATTRIBUTES, trace: TRACE })
  const facts = { code: 'REJECTED', reason: 'no', errors: [], attempts: 3, module: 'm', time: 'now' } as const
  for (const [name, [value = '']] of verdictHeaders({ kind: 'dead', ...facts })) fields.set(name, value)
  fields.set('Nats-TTL', '60s')
  return fields
}

t.test(
  'a redriven copy is the event as it was, with its lineage, and only for the letter that it names',
  (t) => {
    const ref = { namespace: 'ns', job: 'job', event: 'ev1' }
    const letter = bodyHeaders()
    letter.set(JOBICO_HEADERS.hops, '3')
    letter.set(JOBICO_HEADERS.restored, 'b 7')
    letter.set(JOBICO_HEADERS.attempt, '2')
    letter.set(JOBICO_HEADERS.root, 'k0')
    const {
      subject,
      headers: fields,
      payload,
    } = redrivenCopy(ref, 'k1', { headers: letter, data: DATA, seq: 42 })
    t.equal(subject, 'jobico-event.ns.job.ev1.k1.due')
    t.equal(payload, DATA, 'binary data too')
    t.same(Object.fromEntries([...(fields ?? [])].map(([name, values]) => [name, values.join()])), {
      'ce-specversion': '1.0',
      'ce-id': '%C3%BC%201',
      'ce-source': '/s',
      'ce-type': 't',
      'ce-subject': 'x',
      ...TRACE,
      [JOBICO_HEADERS.redrive]: '42',
      [JOBICO_HEADERS.hops]: '3',
      [JOBICO_HEADERS.root]: 'k0',
      'Nats-Expected-Last-Subject-Sequence': '42',
      'Nats-Expected-Last-Subject-Sequence-Subject': 'jobico-event.ns.job.ev1.k1.*',
    })
    t.end()
  },
)

t.test('whatever is among the dead letters is one, also if this version can not read it', (t) => {
  const subject = 'jobico-event.ns.job.ev1.k1.dead'
  const place = { event: 'ev1', key: 'k1' }
  t.match(deadLetterOfMessage({ subject, headers: bodyHeaders(), data: DATA }), { ...place, id: 'ü 1' })
  const unread = { ...place, code: 'MESSAGE_UNREADABLE', reason: /no verdict that this version can read/ }
  t.match(deadLetterOfMessage({ subject, data: DATA }), { ...unread, id: '', time: '' })
  t.match(deadLetterOfMessage({ subject, headers: headers(), data: DATA }), unread)
  const done = bodyHeaders()
  done.set(JOBICO_HEADERS.verdict, 'done')
  t.match(deadLetterOfMessage({ subject, headers: done, data: DATA }), { ...unread, id: 'ü 1' })
  const noEvent = bodyHeaders()
  noEvent.delete('ce-id')
  noEvent.set('ce-source', '%')
  t.match(deadLetterOfMessage({ subject, headers: noEvent, data: DATA }), {
    code: 'REJECTED',
    id: '',
    source: '%',
  })
  const later = bodyHeaders()
  later.set(JOBICO_HEADERS.code, 'CANCELLED')
  t.match(deadLetterOfMessage({ subject, headers: later, data: DATA }), { code: 'CANCELLED', reason: 'no' })
  t.ok(matchesFilter(deadLetterOfMessage({ subject, data: DATA }), {}), 'without a time, it is among all')
  t.end()
})

t.test('lanes take no more than they can, and all of it', async (t) => {
  let [running, most] = [0, 0]
  const seen: number[] = []
  const items = Array.from({ length: 50 }, (_, n) => n)
  await forEachConcurrently(items, 4, async (item) => {
    most = Math.max(most, ++running)
    await turn()
    seen.push(item)
    running--
  })
  t.same(seen, items)
  t.equal(most, 4)
})

t.test('lanes end with the first fault, once what runs has ended', async (t) => {
  const ended: number[] = []
  let closed = false
  async function* endless() {
    try {
      for (let n = 0; ; n++) yield await Promise.resolve(n)
    } finally {
      closed = true
    }
  }
  const work = forEachConcurrently(endless(), 2, async (item) => {
    if (item === 2) throw new Error('no')
    await turn()
    ended.push(item)
  })
  await t.rejects(work, { message: 'no' })
  const before = [...ended]
  await turn()
  t.same(ended, before, 'nothing goes on')
  t.ok(closed, 'and the source is closed')
})

const away = () => Promise.reject(new JobicoError('QUEUE_UNAVAILABLE', 'away'))

t.test('patience: what may pass is waited for, until the limit or the signal', async (t) => {
  const waits: string[] = []
  const stop = new AbortController()
  const options = {
    limitMs: 60_000,
    signal: stop.signal,
    onWait: (reason: string) => void waits.push(reason),
  }
  const persist = createRetry(options)
  t.equal(await persist((tries) => (tries < 3 ? away() : Promise.resolve(tries))), 3)
  t.same(waits, ['away', 'away'])
  const invalid = new JobicoError('EVENT_INVALID', 'no')
  await t.rejects(
    persist(() => Promise.reject(invalid)),
    invalid,
  )
  t.throws(() => whyStopped(invalid, stop.signal), invalid, 'what is no matter of time is no reason to stop')
  const impatient = createRetry({ ...options, limitMs: 0 })
  const fault: unknown = await impatient(away).catch((thrown: unknown) => thrown)
  t.equal(whyStopped(fault, stop.signal), 'away')
  const waiting = persist(away)
  stop.abort()
  await t.rejects(waiting, { name: 'AbortError' })
  await t.rejects(
    persist(() => Promise.resolve(1)),
    { name: 'AbortError' },
  )
  t.equal(whyStopped(invalid, stop.signal), 'it was interrupted')
})

t.test('a pace ends with its signal', async (t) => {
  const stop = new AbortController()
  const pace = createRateLimit(0.001, stop.signal)
  await pace()
  const second = pace()
  stop.abort()
  await t.rejects(second, { name: 'AbortError' })
})
