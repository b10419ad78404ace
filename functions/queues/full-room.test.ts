import t from 'tap'

import { fullRoom } from './full-room.ts'

const MiB = 2 ** 20
const CASES = [
  { name: 'far from the limits, so that nothing was measured', undone: undefined },
  { name: 'nothing but done outcomes', undone: { dead: 0, waiting: 0 } },
  { name: 'just below both limits', undone: { dead: 16 * MiB - 1, waiting: 32 * MiB - 1 } },
  {
    name: 'dead letters',
    undone: { dead: 16 * MiB, waiting: 0 },
    want: {
      reason: 'DeadLettersFull',
      message:
        /take 16Mi of 16Mi; events that would die wait, and others go on; redrive or purge dead letters, or raise/,
    },
  },
  {
    name: 'hand-overs',
    undone: { dead: 0, waiting: 32 * MiB },
    want: {
      reason: 'HandOversFull',
      message:
        /take 32Mi of 32Mi; events that hand over to others wait until some are done; .*`spec\.queue\.maxBytes`/,
    },
  },
  {
    name: 'both: dead letters are what a user can do most about',
    undone: { dead: 20 * MiB, waiting: 40 * MiB },
    want: { reason: 'DeadLettersFull', message: /20Mi of 16Mi/ },
  },
  { name: 'a queue without a limit', undone: { dead: 1e12, waiting: 1e12 }, maxBytes: -1 },
]

t.test('a Job whose room is used up says which, and what to do', (t) => {
  for (const { name, undone, want, maxBytes = 16 * MiB } of CASES) {
    const fault = fullRoom({ undone, maxBytes })
    if (want === undefined) t.equal(fault, undefined, name)
    else t.match(fault, want, name)
  }
  t.end()
})
