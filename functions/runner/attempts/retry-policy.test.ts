import t from 'tap'

import type { Failure } from '../../guests/abi.ts'
import { backoffMs, decide } from './retry-policy.ts'

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
