import t from 'tap'

import { eventKey } from '../../../functions/queues/names.ts'
import { duplicateWords } from './send.ts'
import { soughtOf, type Naming, type Sought } from './sought.ts'
import { stateInWords } from './state-view.ts'

const KEY = 'jxyj3m45sggchcwx47gpggv335'

t.test('which event is looked up', (t) => {
  const key = (source: string, id: string): Sought => ({ kind: 'key', key: eventKey(source, id) })
  const cases: readonly (readonly [name: string | undefined, naming: Naming, want: Sought | RegExp])[] = [
    [KEY, {}, { kind: 'key', key: KEY }],
    [`${KEY}-1`, {}, { kind: 'emitted', id: `${KEY}-1`, cause: KEY }],
    [undefined, { id: 'A-1' }, key('/jobico/send', 'A-1')],
    [undefined, { id: 'A-1', source: '/shop' }, key('/shop', 'A-1')],
    [undefined, { id: `${KEY}-50` }, { kind: 'emitted', id: `${KEY}-50`, cause: KEY }],
    [undefined, { id: `${KEY}-50`, source: '/shop' }, key('/shop', `${KEY}-50`)],
    [undefined, { id: KEY }, key('/jobico/send', KEY)],
    ['A-1', {}, /^A-1 is no key: .* looked up with: jobico get --id A-1 --source SOURCE$/],
    [undefined, {}, /^name the event: give the key .* or --id with the --source/],
    [undefined, { source: '/shop' }, /^name the event/],
    [KEY, { id: 'A-1' }, /^give either a key, or --id/],
    [KEY, { source: '/shop' }, /^give either a key, or --id/],
  ]
  for (const [name, naming, want] of cases) {
    const about = JSON.stringify([name, naming])
    if (want instanceof RegExp) t.throws(() => soughtOf(name, naming), { message: want }, about)
    else t.same(soughtOf(name, naming), want, about)
  }
  t.end()
})

t.test('a state in words', (t) => {
  const error = { code: 'TIMEOUT', reason: 'too \u001b[1mslow', attempts: 2 }
  const failed = 'attempt 2 failed with TIMEOUT: too  [1mslow'
  const cases: readonly (readonly [state: object, want: string])[] = [
    [{ state: 'pending', attempts: 0 }, 'e pending'],
    [{ state: 'pending' }, 'e pending'],
    [{ state: 'pending', attempts: 0, redriven: true }, 'e pending again: it was redriven'],
    [{ state: 'pending', attempts: 1 }, 'e pending: attempt 1 runs'],
    [{ state: 'pending', error: { code: 'TIMEOUT' } }, 'e pending: an attempt failed with TIMEOUT'],
    [{ state: 'pending', attempts: 2, error }, `e pending: ${failed}; attempt 3 is due, or runs`],
    [{ state: 'pending', attempts: 3, error }, `e pending: ${failed}; attempt 3 runs`],
    [
      { state: 'pending', attempts: 2, error, dueAt: '2026-01-31T12:00:00.000Z', redriven: true },
      `e pending again: it was redriven; ${failed}; attempt 3 is due at 2026-01-31T12:00:00.000Z`,
    ],
    [{ state: 'dead', error: { ...error, reason: 'no' } }, 'e dead: TIMEOUT: no (2 attempts)'],
    [{ state: 'done' }, 'e done'],
    [
      {
        state: 'done',
        cause: { event: 'first', key: KEY, state: 'unknown' },
        effects: [{ event: 'next', key: KEY, state: 'pending' }],
        result: { id: 'k' },
      },
      `e done\n  cause   first  ${KEY}  unknown\n  effect  next   ${KEY}  pending\n{"id":"k"}`,
    ],
  ]
  for (const [state, want] of cases)
    t.equal(stateInWords(JSON.stringify({ event: 'e', key: KEY, ...state })), want)
  t.match(
    stateInWords('{"state":"done","event":"e","result":{ "n": 12345678901234567890 }}'),
    /^e done\n\{"n":12345678901234567890\}$/,
    'numbers keep their digits',
  )
  t.end()
})

t.test('a duplicate in words', (t) => {
  const cases: readonly (readonly [status: number, body: string, want: RegExp])[] = [
    [202, '{"accepted":[]}', /^a duplicate: .* not looked at$/],
    [200, '{"time":"2026-01-31T12:00:00Z"}', /not looked at; its result of 2026-01-31T12:00:00Z follows$/],
    [200, '{}', /; its outcome follows$/],
    [204, '', /; its outcome follows$/],
    [502, '{"code":"EVENT_DEAD"}', /; its outcome follows$/],
  ]
  for (const [status, body, want] of cases) t.match(duplicateWords(status, body), want, String(status))
  t.end()
})
