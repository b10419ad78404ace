import fc from 'fast-check'
import t from 'tap'

import { headersSize } from '../cloudevents/nats-binding.ts'
import { isRecent } from '../jetstream/connection.ts'
import { verdictHeaders, verdictOfMessage, type Verdict } from './verdict.ts'

const facts = { attempts: 3, module: 'sha256-abc', time: '2026-01-01T00:00:00.000Z' }

t.test('a dead verdict comes back from its headers, whatever its reason says', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (reason) => {
      const verdict: Verdict = {
        kind: 'dead',
        code: 'MODULE_TRAP',
        reason,
        errors: [{ attempt: 3, code: 'MODULE_TRAP', reason }],
        ...facts,
      }
      const back = verdictOfMessage({ headers: verdictHeaders(verdict), data: new Uint8Array() })
      return back.kind === 'dead' && back.reason === reason.toWellFormed() && back.errors.length === 1
    }),
  )
  t.end()
})

t.test('a done verdict comes back with its result and the events to which it emitted', (t) => {
  const attributes = { specversion: '1.0', id: 'k', source: '/s', type: 't' }
  const events = fc.array(fc.constantFrom('a', 'Ev2', '0'), { maxLength: 50 })
  fc.assert(
    fc.property(fc.option(fc.json(), { nil: undefined }), events, (text, emitted) => {
      const data = text === undefined ? undefined : Buffer.from(text)
      const verdict: Verdict = { kind: 'done', result: { attributes, data, trace: {} }, emitted, ...facts }
      const headers = verdictHeaders(verdict)
      const back = verdictOfMessage({ headers, data: data ?? new Uint8Array() })
      if (back.kind !== 'done') return false
      t.ok(headersSize(headers) < 4_096)
      t.equal(back.result.data && Buffer.from(back.result.data).toString(), text)
      t.same(back.emitted ?? [], emitted)
      return true
    }),
  )
  t.end()
})

t.test('our headers stay under 4 KiB', (t) => {
  for (const letter of ['x', 'é', '🦄', '\ud800', '\n', '%']) {
    const reason = letter.repeat(5_000)
    const errors = Array.from({ length: 1_000 }, (_, index) => ({
      attempt: index + 1,
      code: 'TIMEOUT' as const,
      reason,
    }))
    const fields = verdictHeaders({ kind: 'dead', code: 'TIMEOUT', reason, errors, ...facts })
    t.ok(headersSize(fields) < 4_096, JSON.stringify(letter))
    const back = verdictOfMessage({ headers: fields, data: new Uint8Array() })
    t.equal(back.kind === 'dead' && back.errors.at(-1)?.attempt, 1_000, 'the latest attempts are kept')
  }
  t.end()
})

t.test('a reason that is too long keeps what happened and where', (t) => {
  for (const letter of ['x', '界', '\ud83e\udd80']) {
    const reason = `abort: ${letter.repeat(600)} at assembly/order.ts:14:9 in price`
    const errors = [{ attempt: 1, code: 'MODULE_TRAP' as const, reason }]
    const fields = verdictHeaders({ kind: 'dead', code: 'MODULE_TRAP', reason, errors, ...facts })
    const back = verdictOfMessage({ headers: fields, data: new Uint8Array() })
    if (back.kind !== 'dead') throw new Error('it is dead')
    for (const { reason: kept } of [back, ...back.errors]) {
      t.match(kept, /^abort: .*….* at assembly\/order\.ts:14:9 in price$/s)
      t.ok(kept.length <= 512)
    }
  }
  t.end()
})

t.test('which versions of nats-server will do', (t) => {
  const cases = {
    '2.15.0': true,
    '2.15.1': true,
    'v2.16.0-RC.1': true,
    '3.0.0': true,
    '2.14.9': false,
    '2.9.10': false,
    '': false,
  }
  for (const [version, want] of Object.entries(cases)) t.equal(isRecent(version), want, version)
  t.end()
})
