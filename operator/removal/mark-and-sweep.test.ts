import t from 'tap'

import { markAndSweep } from './mark-and-sweep.ts'

const now = new Date('2026-05-02T12:00:00Z')
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString()

const cases = [
  { name: 'used, never marked', unusedSince: undefined, used: true, want: [] },
  { name: 'used again', unusedSince: hoursAgo(30), used: true, want: ['unmark'] },
  { name: 'unused since now', unusedSince: undefined, used: false, want: ['mark'] },
  { name: 'unused for less than a day', unusedSince: hoursAgo(23.9), used: false, want: [] },
  { name: 'unused for a day', unusedSince: hoursAgo(24), used: false, want: ['remove'] },
]
for (const { name, unusedSince, used, want } of cases) {
  t.test(name, (t) => {
    const decided = markAndSweep([{ name: 'copy', unusedSince }], new Set(used ? ['copy'] : []), now)
    const actions = Object.entries(decided).flatMap(([action, names]) =>
      (names as string[]).length > 0 ? [action] : [],
    )
    t.same(actions, want)
    t.end()
  })
}
