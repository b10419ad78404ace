import { join } from 'node:path'

import t from 'tap'

import { openOutput, outputFault } from './output.ts'
import { sinkFailure } from './sink.ts'

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

t.test('an output opens with a schema that only an earlier version took', async (t) => {
  const folder = t.testdir({ 'schema.json': '{"type":"string","requierd":[]}' })
  const ref = { namespace: 'ns', job: 'job', event: 'ev1' }
  const output = await openOutput(ref, { event: 'ev2', schema: join(folder, 'schema.json') })
  if (output.kind !== 'event') throw new Error('no event')
  const faultOf = (value: unknown) => outputFault('the result', output, Buffer.from(JSON.stringify(value)))
  t.equal(faultOf('a'), undefined)
  t.match(faultOf(1), /must be a string/)
})
