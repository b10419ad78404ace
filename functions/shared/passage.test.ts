import t from 'tap'

import { longestPassageMs } from './passage.ts'

t.test('an attempt with a sink has twice its time', (t) => {
  t.equal(longestPassageMs(60_000, false), 70_000)
  t.equal(longestPassageMs(60_000, true), 130_000)
  t.end()
})
