import t from 'tap'

import { longestAttemptMs } from './attempt-limit.ts'

t.test('an attempt with a sink has twice its time', (t) => {
  t.equal(longestAttemptMs(60_000, false), 70_000)
  t.equal(longestAttemptMs(60_000, true), 130_000)
  t.end()
})
