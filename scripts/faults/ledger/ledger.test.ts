import t from 'tap'

import { auditEvents, type Ending, type Entry, type StreamContents } from './audit.ts'
import { createRandom } from './random.ts'
import { scheduleFaults, scheduleWords } from './schedule.ts'
import { auditTable } from './table.ts'

const DONE: Ending = { kind: 'done', attempts: 1 }
const dead = (code: string): Ending => ({ kind: 'dead', code, attempts: 3 })
const entry = (key: string, more: Partial<Entry> = {}): Entry => ({
  ...{ key, action: 'ok', accepted: true, executions: 1 },
  ...more,
})
const contents = (
  endings: Readonly<Record<string, Ending>>,
  more: Partial<StreamContents> = {},
): StreamContents => ({
  pending: new Set(),
  endings: new Map(Object.entries(endings)),
  written: undefined,
  ...more,
})

interface Case {
  readonly name: string
  readonly entries: readonly Entry[]
  readonly contents: StreamContents
  readonly expect: object
}

const CASES: readonly Case[] = [
  {
    name: 'done, dead and pending are all accounted for',
    entries: [entry('a'), entry('b', { action: 'reject' }), entry('c')],
    contents: contents(
      { a: DONE, b: dead('REJECTED') },
      {
        pending: new Set(['c']),
        written: new Map([
          ['a', 1],
          ['b', 1],
        ]),
      },
    ),
    expect: { sent: 3, accepted: 3, done: 1, dead: 1, pending: 1, again: 0, lost: [], wrong: [] },
  },
  {
    name: 'what was accepted and is nowhere is lost',
    entries: [entry('a'), entry('b')],
    contents: contents({ a: DONE }),
    expect: { lost: ['b'], wrong: [] },
  },
  {
    name: 'what was not answered may be there, or not',
    entries: [entry('a', { accepted: false }), entry('b', { accepted: false })],
    contents: contents({ a: DONE }),
    expect: { sent: 2, accepted: 0, done: 1, lost: [], wrong: [] },
  },
  {
    name: 'what nobody has sent is wrong',
    entries: [],
    contents: contents({ a: DONE }, { pending: new Set(['b']) }),
    expect: { wrong: ['b was never sent', 'a was never sent'] },
  },
  {
    name: 'an end that was not asked for is wrong',
    entries: [entry('a'), entry('b', { action: 'reject' }), entry('c', { action: 'trap' })],
    contents: contents({ a: dead('MODULE_TRAP'), b: DONE, c: dead('REJECTED') }),
    expect: {
      wrong: [
        'a, which asked for ok, is dead MODULE_TRAP',
        'b, which asked for reject, is done',
        'c, which asked for trap, is dead REJECTED',
      ],
    },
  },
  {
    name: 'processes that die may end any event',
    entries: [entry('a'), entry('b', { action: 'retry' })],
    contents: contents({ a: dead('PROCESS_DIED'), b: dead('PROCESS_DIED') }),
    expect: { dead: 2, wrong: [] },
  },
  {
    name: 'a second verdict shows, though it took the place of the first',
    entries: [entry('a'), entry('b', { action: 'trap' })],
    contents: contents(
      { a: DONE, b: dead('MODULE_TRAP') },
      {
        written: new Map([
          ['a', 2],
          ['b', 1],
        ]),
      },
    ),
    expect: { wrong: ['a has had 2 verdicts'] },
  },
  {
    name: 'executions count as repeated only where one was enough',
    entries: [entry('a', { executions: 3 }), entry('b', { action: 'retry', executions: 3 })],
    contents: contents({ a: DONE, b: dead('RETRY_REQUESTED') }),
    expect: { again: 2 },
  },
]

t.test('an audit', (t) => {
  for (const { name, entries, contents, expect } of CASES)
    t.match(auditEvents(entries, contents), expect, name)
  t.end()
})

t.test('a schedule', (t) => {
  const kinds = ['x', 'y', 'z'] as const
  const span = { lengthMs: 60_000, everyMs: 2_000 }
  const schedule = scheduleFaults(createRandom(7), [...kinds], span)
  t.same(scheduleFaults(createRandom(7), [...kinds], span), schedule, 'comes again with its seed')
  t.not(scheduleWords(scheduleFaults(createRandom(8), [...kinds], span)), scheduleWords(schedule))
  t.ok(schedule.every(({ atMs }) => atMs >= 0 && atMs < span.lengthMs))
  const gaps = schedule.slice(1).map(({ atMs }, at) => atMs - (schedule[at]?.atMs ?? NaN))
  t.ok(gaps.every((gap) => gap >= 999 && gap <= 3_001))
  for (let from = 0; from + kinds.length <= schedule.length; from += kinds.length) {
    const round = schedule.slice(from, from + kinds.length).map(({ kind }) => kind)
    t.same(round.sort(), kinds, 'each kind comes before any comes again')
  }
  t.match(scheduleWords([{ atMs: 1_250, kind: 'x' }]), '1.3 s x')
  t.end()
})

t.test('random numbers are within their bounds', (t) => {
  const random = createRandom(1)
  const numbers = Array.from({ length: 1_000 }, () => random.between(3, 5))
  t.same([...new Set(numbers)].sort(), [3, 4, 5])
  t.same(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b']))), new Set(['a', 'b']))
  t.end()
})

t.test('the table has a line for each case', (t) => {
  const row = { sent: 10, accepted: 9, done: 8, dead: 1, pending: 0, again: 2, lost: 0 }
  const lines = auditTable([
    { fault: 'second', ...row },
    { fault: 'first', ...row },
  ]).split('\n')
  t.same(
    lines.map((line) => line.split(/ {2,}/)),
    [
      ['fault', 'sent', 'accepted', 'done', 'dead', 'pending', 'executed again', 'lost'],
      ['first', '10', '9', '8', '1', '0', '2', '0'],
      ['second', '10', '9', '8', '1', '0', '2', '0'],
    ],
  )
  t.end()
})
