import t from 'tap'

import { eventsOfOtherJobs, type EventOwner } from './event-ownership.ts'
import { liveJob } from '../job.fixture.ts'

const old = liveJob({ name: 'old', events: ['a', 'b'], created: '2026-01-01T00:00:00Z' })
const young = liveJob({ name: 'young', events: ['b', 'c'], created: '2026-02-01T00:00:00Z' })
const twin = liveJob({ name: 'twin', events: ['b'], created: '2026-01-01T00:00:00Z' })
const elsewhere = liveJob({
  name: 'elsewhere',
  namespace: 'other',
  events: ['c'],
  created: '2025-01-01T00:00:00Z',
})
const going = liveJob({
  name: 'going',
  events: ['c'],
  created: '2025-01-01T00:00:00Z',
  deleted: '2026-03-01T00:00:00Z',
})
const otherCase = liveJob({ name: 'case', events: ['B'], created: '2025-01-01T00:00:00Z' })
const all = [old, young, twin, elsewhere, going, otherCase]

const cases: readonly {
  readonly name: string
  readonly job: typeof old
  readonly holders?: Readonly<Record<string, EventOwner>>
  /** The events that are taken, and by whom. */
  readonly want: Readonly<Record<string, string>>
}[] = [
  { name: 'the oldest has what nobody holds', job: old, want: {} },
  { name: 'the younger gives way', job: young, want: { b: 'old' } },
  { name: 'of two of one age the lower name has it', job: twin, want: { b: 'old' } },
  {
    name: 'a holder keeps an event from an older Job',
    job: old,
    holders: { b: { uid: 'uid-young', name: 'young' } },
    want: { b: 'young' },
  },
  {
    name: 'a holder has its event',
    job: young,
    holders: { b: { uid: 'uid-young', name: 'young' } },
    want: {},
  },
  {
    name: 'a Job that is going has its event until its listener is gone',
    job: young,
    holders: { c: { uid: 'uid-going', name: 'going' } },
    want: { b: 'old', c: 'going' },
  },
  { name: 'another namespace, and another case of letters, is another event', job: otherCase, want: {} },
]

for (const { name, job, holders = {}, want } of cases) {
  t.test(name, (t) => {
    const taken = eventsOfOtherJobs(job, all, (event) => holders[event])
    t.same([...taken.keys()].sort(), Object.keys(want).sort())
    for (const [event, owner] of Object.entries(want))
      t.match(taken.get(event), {
        status: 'False',
        reason: 'EventTaken',
        message: `the Job ${owner} has the event ${event} already`,
      })
    t.end()
  })
}
