import t from 'tap'

import { failures, securityTable, type Outcome } from './table.ts'

const OUTCOMES: readonly Outcome[] = [
  {
    ...{ attack: 'floods', bound: 'nobody is refused', passed: true },
    measured: [
      { attack: '1,000 clients', bound: 'p99 below 3 ms', measured: '2 ms', isMet: true },
      { attack: '2,000 clients', bound: 'p99 below 3 ms', measured: '4 ms', isMet: false },
      { attack: '2,000 clients', bound: '0 lost', measured: '0 lost' },
    ],
  },
  { attack: 'lies', bound: 'nobody believes them', passed: false, measured: [] },
]

t.test('the table has a line for each file and each bound', (t) => {
  t.same(
    securityTable(OUTCOMES)
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)),
    [
      ['attack', 'bound', 'measured'],
      ['floods', 'nobody is refused', 'holds'],
      ['1,000 clients', 'p99 below 3 ms', '2 ms'],
      ['2,000 clients', 'p99 below 3 ms', '4 ms, NOT MET'],
      ['2,000 clients', '0 lost', '0 lost'],
      ['lies', 'nobody believes them', 'BROKEN'],
    ],
  )
  t.end()
})

t.test('a time that is not met is counted apart from a broken promise', (t) => {
  t.same(failures(OUTCOMES), { broken: 1, notMet: 1 })
  t.end()
})
