import { PassThrough } from 'node:stream'

import t from 'tap'

import type { CloudEvent } from '../../../functions/cloudevents/cloudevent.ts'
import type { DeadLetterFilter, FullDeadLetter } from '../../../functions/dead-letters/dead-letters.ts'
import { eventKey } from '../../../functions/queues/names.ts'
import { confirmed } from '../terminal/confirm.ts'
import { prettyJson } from '../terminal/output.ts'
import { createProgress } from '../terminal/progress.ts'
import { explicitFilter, letterFilter, type FilterOptions } from './filter.ts'
import { letterJson, letterLines } from './letter-view.ts'
import { progressLine, summaryLine } from './redrive.ts'

const NOW = Date.parse('2026-02-01T12:00:00Z')
const A = 'a'.repeat(26)
const B = 'b'.repeat(26)
const NONE: DeadLetterFilter = {
  event: undefined,
  codes: undefined,
  since: undefined,
  before: undefined,
  keys: undefined,
}

const filters: readonly {
  readonly options: FilterOptions
  readonly keys?: readonly string[]
  readonly want: DeadLetterFilter | RegExp
}[] = [
  { options: {}, want: {} },
  { options: { event: 'ev1' }, want: { event: 'ev1' } },
  { options: { code: ['REJECTED', 'TIMEOUT'] }, want: { codes: ['REJECTED', 'TIMEOUT'] } },
  {
    options: { code: ['TIMEOUTS'] },
    want: /with the code TIMEOUTS, only with REJECTED, .*; did you mean TIMEOUT\?/,
  },
  { options: { code: ['rejected'] }, want: /code rejected, .* did you mean REJECTED\?/ },
  {
    options: { code: ['DATA_INVALID'] },
    want: /with the code DATA_INVALID, only with REJECTED, .*MESSAGE_UNREADABLE, INTERNAL; /,
  },
  { options: { since: '2026-01-31T12:00:00+01:00' }, want: { since: Date.parse('2026-01-31T11:00:00Z') } },
  { options: { since: '30s' }, want: { since: NOW - 30_000 } },
  { options: { since: '90m' }, want: { since: NOW - 5_400_000 } },
  { options: { since: '2h', before: '1h' }, want: { since: NOW - 7_200_000, before: NOW - 3_600_000 } },
  { options: { before: '7d' }, want: { before: NOW - 604_800_000 } },
  { options: { since: '1h', before: '2h' }, want: /swap the two/ },
  { options: { since: '1h', before: '1h' }, want: /swap the two/ },
  { options: { since: 'yesterday' }, want: /--since yesterday is no time: give one such as 2026-/ },
  { options: { before: '2026-02-30T00:00:00Z' }, want: /--before 2026-02-30T00:00:00Z is no time/ },
  { options: { before: '2026-01-31' }, want: /is no time/ },
  { options: { since: '-1h' }, want: /is no time/ },
  { options: { since: '' }, want: /is no time/ },
  { options: { key: [A] }, keys: [B, A], want: { keys: [A, B] } },
  { options: {}, keys: ['x'], want: /^x is no key: it has 26/ },
  {
    options: {},
    keys: Array.from({ length: 1_001 }, (_, n) => eventKey('/s', `${n}`)),
    want: /keys; name at most 1000 at a time/,
  },
]

t.test('which letters the options are for', (t) => {
  for (const { options, keys = [], want } of filters) {
    const read = () => letterFilter(options, keys, NOW)
    const name = JSON.stringify(options)
    if (want instanceof RegExp) t.throws(read, want, name)
    else t.same(read(), { ...NONE, ...want }, name)
  }
  t.end()
})

t.test('a verb that changes something is told that it means all', (t) => {
  t.throws(() => explicitFilter({}, [], NOW), /say which dead letters: .* or with --all/)
  t.same(explicitFilter({ all: true }, [], NOW), NONE)
  t.same(explicitFilter({ event: 'ev1' }, [], NOW), { ...NONE, event: 'ev1' })
  t.same(explicitFilter({}, [A], NOW), { ...NONE, keys: [A] })
  t.throws(
    () => explicitFilter({ all: true, event: 'ev1' }, [], NOW),
    /--all means every dead letter; remove it/,
  )
  t.end()
})

t.test('JSON for people keeps every digit', (t) => {
  const cases = [
    [
      '{"a":{"b":[1,{"c":"x,{y}"}],"d":[],"e":{}},"n":12345678901234567890.10}',
      '{\n  "a": {\n    "b": [\n      1,\n      {\n        "c": "x,{y}"\n      }\n    ],\n    "d": [],\n    "e": {}\n  },\n  "n": 12345678901234567890.10\n}',
    ],
    [' [ true , "a\\"b" ] ', '[\n  true,\n  "a\\"b"\n]'],
    ['"x"', '"x"'],
    ['{ }', '{}'],
  ] as const
  for (const [text, want] of cases) t.equal(prettyJson(text), want)
  t.end()
})

type ReadableLetter = Extract<FullDeadLetter, { cloudEvent: CloudEvent }>

function whole(
  more: Partial<ReadableLetter> = {},
  data: Uint8Array | undefined = Buffer.from('{"n":1e400}'),
): ReadableLetter {
  return {
    letter: {
      ...{ event: 'ev1', key: A, code: 'TIMEOUT', reason: 'too\u001b[1m long', attempts: 2 },
      ...{ time: '2026-01-01T00:00:00.000Z', module: 'sha256-0', id: '1', source: '/s', type: 't' },
    },
    errors: [
      { attempt: 1, code: 'MODULE_TRAP', reason: 'unreachable' },
      { attempt: 2, code: 'TIMEOUT', reason: 'too long' },
    ],
    cloudEvent: {
      attributes: { specversion: '1.0', id: '1', source: '/s', type: 't' },
      data,
      trace: { traceparent: '00-x' },
    },
    isPending: false,
    ...more,
  }
}

t.test('all about a letter, for people', (t) => {
  t.same(letterLines(whole()), [
    `key       ${A}`,
    'event     ev1',
    'state     dead',
    'code      TIMEOUT',
    'reason    too [1m long',
    'attempts  2',
    'time      2026-01-01T00:00:00.000Z',
    'module    sha256-0',
    '',
    'attempts:',
    '  ATTEMPT  CODE         REASON',
    '  1        MODULE_TRAP  unreachable',
    '  2        TIMEOUT      too long',
    '',
    'attributes:',
    '  specversion  1.0',
    '  id           1',
    '  source       /s',
    '  type         t',
    '',
    'trace:',
    '  traceparent  00-x',
    '',
    'data (application/json, 11 bytes):',
    '{',
    '  "n": 1e400',
    '}',
  ])
  const { cloudEvent } = whole()
  const ofType = (datacontenttype: string, data: Uint8Array | undefined) => {
    const attributes = { ...cloudEvent.attributes, datacontenttype }
    return letterLines(whole({ cloudEvent: { ...cloudEvent, attributes, data, trace: {} }, errors: [] }))
  }
  t.same(ofType('text/plain', Buffer.from('a\n\tb')).slice(-3), ['data (text/plain, 4 bytes):', 'a', '  b'])
  t.same(ofType('image/png', Buffer.from([0x89, 0x50])).slice(-1), [
    'data (image/png, 2 bytes); --data writes it as it is',
  ])
  t.match(
    ofType('text/plain', Buffer.from('\u001b[2J')).at(-1),
    /; --data writes it as it is/,
    'rewrites no terminal',
  )
  t.equal(ofType('text/plain', undefined).at(-1), 'no data')
  t.notMatch(ofType('text/plain', undefined).join('\n'), /trace:|attempts:/, 'no section without content')
  t.match(letterLines(whole({ isPending: true }))[2], /pending again/)
  t.end()
})

t.test('a message that this version can not read is shown as it came', (t) => {
  const { letter } = whole()
  const headers = { 'ce-specversion': ['2.0'], other: ['a', 'b\u001b[1m'] }
  const unread = {
    letter,
    errors: [],
    cloudEvent: undefined,
    message: { headers, data: Buffer.from('{"n":1}') },
    isPending: false,
  }
  t.same(letterLines(unread).slice(-7), [
    'headers of the message:',
    '  ce-specversion  2.0',
    '  other           a',
    '  other           b [1m',
    '',
    'data (of unknown type, 7 bytes):',
    '{"n":1}',
  ])
  t.match(JSON.parse(letterJson(unread)), {
    state: 'dead',
    message: { headers, data_base64: 'eyJuIjoxfQ==' },
  })
  t.notOk('cloudEvent' in (JSON.parse(letterJson(unread)) as object))
  t.end()
})

t.test('all about a letter, as JSON', (t) => {
  const text = letterJson(whole())
  t.match(text, /"data":\{"n":1e400\}\}\}$/, 'the data as it was sent')
  t.match(JSON.parse(text), {
    ...{ key: A, event: 'ev1', state: 'dead', code: 'TIMEOUT', attempts: 2, module: 'sha256-0' },
    errors: [{ attempt: 1 }, { attempt: 2, code: 'TIMEOUT', reason: 'too long' }],
    trace: { traceparent: '00-x' },
    cloudEvent: { specversion: '1.0', id: '1' },
  })
  t.equal((JSON.parse(letterJson(whole({ isPending: true }))) as { state: string }).state, 'pending')
  t.end()
})

t.test('how a redrive goes, in words', (t) => {
  t.equal(summaryLine({ sent: 3, pending: 0, refused: 0 }, 'redriven'), 'redriven 3')
  t.equal(
    progressLine({ sent: 3, pending: 2, refused: 1, left: 40 }),
    'redriven 3, 2 pending already, 1 can not be sent; 40 to go',
  )
  t.end()
})

t.test('progress is one line on a terminal, and few lines elsewhere', (t) => {
  const clock = { now: 0 }
  const run = (isTTY: boolean) => {
    clock.now = 0
    const written: string[] = []
    const progress = createProgress({ isTTY, write: (text) => written.push(text) }, () => clock.now)
    for (; clock.now <= 11_000; clock.now += 50) progress.show(`at ${clock.now}`)
    progress.end()
    return written
  }
  t.same(run(false), ['at 5000\n', 'at 10000\n'])
  const onTerminal = run(true)
  t.equal(onTerminal.length, 112)
  t.equal(onTerminal[1], '\r\u001b[2Kat 100')
  t.equal(onTerminal.at(-1), '\r\u001b[2K')
  const silent: string[] = []
  createProgress({ isTTY: true, write: (text) => silent.push(text) }).end()
  t.same(silent, [], 'what was not shown is not taken away')
  t.end()
})

t.test('a question is asked at a terminal only, and only yes is yes', async (t) => {
  const terminal = () => ({
    input: Object.assign(new PassThrough(), { isTTY: true }),
    output: Object.assign(new PassThrough(), { isTTY: true }),
  })
  const answers = [
    ['y\n', true],
    ['YES \n', true],
    ['n\n', false],
    ['\n', false],
    ['yesterday\n', false],
    ['\u0003', false],
    ['\u0004', false],
  ] as const
  for (const [typed, want] of answers) {
    const { input, output } = terminal()
    const answer = confirmed('Delete?', { input, output })
    input.write(typed)
    t.equal(await answer, want, JSON.stringify(typed))
    t.match(String(output.read()), /Delete\? \[y\/N\] /)
  }
  const { input, output } = terminal()
  const answer = confirmed('Delete?', { input, output })
  input.end()
  t.equal(await answer, false, 'nobody is there any more')
  t.equal(await confirmed('Delete?', { input: new PassThrough(), output }), undefined)
  t.equal(await confirmed('Delete?', { input, output: new PassThrough() }), undefined)
})
