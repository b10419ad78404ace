import { join } from 'node:path'

import t from 'tap'

import type { Failure } from './policy.ts'
import { opening } from './gate.ts'
import { openOutput, outputFault, sinkFailure } from './output.ts'
import { backoffMs, decide, prefetch, threadBacklog } from './policy.ts'
import { createSlots } from './slots.ts'

const policy = { maxAttempts: 4, minDelayMs: 100, maxDelayMs: 1_000 }
const trap: Failure = { kind: 'retry', code: 'MODULE_TRAP', reason: 'unreachable' }

t.test('a failure is tried again, or ends as a dead letter', (t) => {
  const cases: { name: string; failure: Failure; attempt: number; want: object }[] = [
    {
      name: 'a trap is tried again',
      failure: trap,
      attempt: 1,
      want: { kind: 'later', code: 'MODULE_TRAP' },
    },
    { name: 'the last but one attempt too', failure: trap, attempt: 3, want: { kind: 'later' } },
    {
      name: 'the last attempt ends it',
      failure: trap,
      attempt: 4,
      want: { kind: 'dead', code: 'MODULE_TRAP' },
    },
    {
      name: 'so does one beyond, after maxAttempts was lowered',
      failure: trap,
      attempt: 9,
      want: { kind: 'dead' },
    },
    {
      name: 'a reject ends it at once',
      failure: { kind: 'reject', code: 'REJECTED', reason: 'no' },
      attempt: 1,
      want: { kind: 'dead', code: 'REJECTED', reason: 'no' },
    },
    {
      name: 'the time that the module names counts, beyond the policy',
      failure: { ...trap, afterMs: 90_000 },
      attempt: 1,
      want: { kind: 'later', delayMs: 90_000 },
    },
    { name: 'none is a time too', failure: { ...trap, afterMs: 0 }, attempt: 1, want: { delayMs: 0 } },
  ]
  for (const { name, failure, attempt, want } of cases)
    t.match(decide(failure, attempt, policy, 0.5), want, name)
  t.end()
})

t.test('delays grow exponentially, with full jitter, between the two limits', (t) => {
  const cases = [
    { attempt: 1, random: 0, want: 100 },
    { attempt: 1, random: 0.999999, want: 200 },
    { attempt: 2, random: 0.5, want: 250 },
    { attempt: 3, random: 0.999999, want: 800 },
    { attempt: 4, random: 0.999999, want: 1_000 },
    { attempt: 900, random: 0.999999, want: 1_000 },
    { attempt: 900, random: 0, want: 100 },
  ]
  for (const { attempt, random, want } of cases) {
    t.equal(backoffMs(attempt, policy, random), want, `attempt ${attempt}, random ${random}`)
  }
  t.equal(backoffMs(1, { ...policy, minDelayMs: 500, maxDelayMs: 100 }, 0.5), 500)
  t.end()
})

t.test('as much is held as can start within 200 ms', (t) => {
  const cases = [
    { concurrency: 4, meanMs: Infinity, want: 0 },
    { concurrency: 4, meanMs: 10_000, want: 0 },
    { concurrency: 4, meanMs: 100, want: 8 },
    { concurrency: 1, meanMs: 1, want: 200 },
    { concurrency: 4, meanMs: 0, want: 256 },
  ]
  for (const { concurrency, meanMs, want } of cases)
    t.equal(prefetch(concurrency, meanMs, 256), want, `${meanMs} ms`)
  t.end()
})

t.test('as much lies at each thread as it runs in 2 ms', (t) => {
  const cases = [
    { meanMs: Infinity, want: 1 },
    { meanMs: 10_000, want: 1 },
    { meanMs: 1.5, want: 1 },
    { meanMs: 0.5, want: 4 },
    { meanMs: 0.05, want: 16 },
    { meanMs: 0, want: 16 },
  ]
  for (const { meanMs, want } of cases) t.equal(threadBacklog(meanMs), want, `${meanMs} ms`)
  t.end()
})

t.test('what may be pulled follows from the sizes of the streams', (t) => {
  const MiB = 2 ** 20
  const sizes = { queueMaxBytes: 10 * MiB, retryBytes: 0, outcomes: { bytes: 0, maxBytes: 10 * MiB } }
  const cases = [
    { name: 'all, as a rule', sizes, want: 'all' },
    { name: 'nothing without outcomes', sizes: { ...sizes, outcomes: undefined }, want: 'nothing' },
    { name: 'nothing without retries', sizes: { ...sizes, retryBytes: undefined }, want: 'nothing' },
    {
      name: 'nothing while outcomes are full',
      sizes: { ...sizes, outcomes: { bytes: 10 * MiB - 1, maxBytes: 10 * MiB } },
      want: 'nothing',
    },
    {
      name: 'all while outcomes have no limit',
      sizes: { ...sizes, outcomes: { bytes: 99 * MiB, maxBytes: -1 } },
      want: 'all',
    },
    {
      name: 'retries only while those are too many',
      sizes: { ...sizes, retryBytes: 11 * MiB },
      want: 'retries',
    },
    {
      name: 'a small stream is not full from the start',
      sizes: { ...sizes, outcomes: { bytes: 0, maxBytes: 1_000 } },
      want: 'all',
    },
  ]
  for (const { name, sizes, want } of cases) t.equal(opening(sizes), want, name)
  t.end()
})

t.test('the answer of a sink decides', (t) => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const cases = [
    { status: 200, want: undefined },
    { status: 202, want: undefined },
    { status: 301, want: { kind: 'reject', code: 'SINK_REFUSED' } },
    { status: 400, want: { kind: 'reject', code: 'SINK_REFUSED' } },
    { status: 404, want: { kind: 'reject' } },
    { status: 408, want: { kind: 'retry', code: 'SINK_UNAVAILABLE' } },
    { status: 425, want: { kind: 'retry' } },
    { status: 429, retryAfter: '7', want: { kind: 'retry', afterMs: 7_000 } },
    { status: 503, retryAfter: 'Thu, 01 Jan 2026 00:01:00 GMT', want: { kind: 'retry', afterMs: 60_000 } },
    { status: 503, retryAfter: 'Wed, 31 Dec 2025 00:01:00 GMT', want: { kind: 'retry', afterMs: 0 } },
    { status: 503, retryAfter: '99999999', want: { kind: 'retry', afterMs: 86_400_000 } },
    { status: 500, retryAfter: 'soon', want: { kind: 'retry', code: 'SINK_UNAVAILABLE' } },
  ]
  for (const { status, retryAfter = null, want } of cases) {
    const failure = sinkFailure('http://sink', status, retryAfter, now)
    if (want === undefined) t.equal(failure, undefined, `${status}`)
    else t.match(failure, want, `${status} ${retryAfter ?? ''}`)
  }
  t.end()
})

t.test('places are given first come, first served, and all at once to one that asks for that', async (t) => {
  const slots = createSlots(() => 2)
  const order: string[] = []
  const take = async (name: string, alone: boolean) => {
    const leave = await slots.enter(alone)
    order.push(name)
    return leave
  }
  const first = await take('first', false)
  const alone = take('alone', true)
  const late = take('late', false)
  await Promise.resolve()
  t.same(order, ['first'], 'the one alone waits, and the late one behind it, though there is room')
  first()
  first()
  const leave = await alone
  t.same(order, ['first', 'alone'])
  leave()
  await late
  t.same(order, ['first', 'alone', 'late'])
})

t.test('an output opens with a schema that only an earlier version took', async (t) => {
  const folder = t.testdir({ 'schema.json': '{"type":"string","requierd":[]}' })
  const ref = { namespace: 'ns', job: 'job', event: 'ev1' }
  const output = await openOutput(ref, { event: 'ev2', schema: join(folder, 'schema.json') })
  if (output.kind !== 'event') throw new Error('no event')
  const faultOf = (value: unknown) => outputFault('the result', output, Buffer.from(JSON.stringify(value)))
  t.equal(faultOf('a'), undefined)
  t.match(faultOf(1), /must be a string/)
})
