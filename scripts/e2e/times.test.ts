import { join } from 'node:path'

import t from 'tap'

import { readTimes, record, timesTable } from './times.ts'

t.test('measurements are kept in their order, and make a table', (t) => {
  const file = join(t.testdir({ times: '' }), 'times')
  const all = [
    { what: 'wake-up', ms: 1_500 },
    { what: 'apply to Ready', ms: 12_340 },
    { what: 'wake-up', ms: 700 },
    { what: 'wake-up', ms: 900 },
    { what: 'wake-up', ms: 100 },
  ]
  for (const measurement of all) record(file, measurement)
  t.same(readTimes(file), all)
  t.equal(
    timesTable(all),
    [
      'what            times    least   median     most',
      'apply to Ready      1  12.34 s  12.34 s  12.34 s',
      'wake-up             4   0.10 s   0.70 s   1.50 s',
    ].join('\n'),
  )
  t.end()
})

t.test('nothing measured is a table of no lines', (t) => {
  t.equal(timesTable([]), 'what  times  least  median  most')
  t.end()
})
