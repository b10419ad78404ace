import t from 'tap'

import { nextLookMs } from './next-look.ts'

t.test('when a Job is looked at again', (t) => {
  const cases = [
    { name: 'not steady', is: { steady: false, pending: 0, dead: 0 }, want: [10_000, 10_000] },
    { name: 'events wait', is: { steady: true, pending: 1, dead: 9 }, want: [10_000, 10_000] },
    { name: 'dead letters', is: { steady: true, pending: 0, dead: 1 }, want: [60_000, 48_000] },
    { name: 'at rest', is: { steady: true, pending: 0, dead: 0 }, want: [600_000, 480_000] },
  ]
  for (const { name, is, want } of cases) t.same([nextLookMs(is, 0), nextLookMs(is, 1)], want, name)
  t.end()
})
