import t from 'tap'

import type { JobStatus } from '../../crds/job.ts'
import { unsure, wrong } from '../faults/fault.ts'
import { liveJob } from '../job.fixture.ts'
import { nextStatus, sameStatus, transitions, type EventReport, type JobReport } from './job-status.ts'

const job = liveJob({ name: 'shop', events: ['a', 'b'] })
const now = new Date('2026-05-01T12:00:00.250Z')
const good = (name: string): EventReport => ({
  name,
  ready: true,
  url: `http://${name}`,
  module: 'sha256-1',
  faults: {},
})
const report = (more: Partial<JobReport> = {}): JobReport => ({
  events: [good('a'), good('b')],
  queue: undefined,
  leaving: [],
  backlog: undefined,
  ...more,
})
const condition = (status: JobStatus, type: string) => status.conditions?.find((each) => each.type === type)

t.test('all is well', (t) => {
  const status = nextStatus(job, report(), now)
  t.match(status, { observedGeneration: 3, eventsReady: '2/2' })
  t.same(
    status.conditions?.map(({ type, status: state }) => `${type} ${state}`),
    ['SchemasReady', 'ModulesReady', 'QueueReady', 'ListenersReady', 'RunnersReady', 'Ready'].map(
      (type) => `${type} True`,
    ),
  )
  t.match(condition(status, 'Ready'), {
    reason: 'Ready',
    lastTransitionTime: '2026-05-01T12:00:00Z',
    observedGeneration: 3,
  })
  t.same(status.events, [
    { name: 'a', url: 'http://a', module: 'sha256-1', ready: true, reason: 'Ready' },
    { name: 'b', url: 'http://b', module: 'sha256-1', ready: true, reason: 'Ready' },
  ])
  t.end()
})

const sums: readonly {
  readonly name: string
  readonly report: JobReport
  readonly ready: { readonly status: string; readonly reason: string; readonly message: RegExp }
  readonly eventsReady: string
}[] = [
  {
    name: 'a fault that is mended by a user comes before one that is waited for',
    report: report({
      events: [
        { ...good('a'), ready: false, faults: { listener: unsure('Deploying', 'it starts') } },
        { ...good('b'), ready: false, faults: { runner: wrong('NameTaken', 'rename it') } },
      ],
    }),
    ready: { status: 'False', reason: 'NameTaken', message: /^event b: rename it$/ },
    eventsReady: '0/2',
  },
  {
    name: 'of several, the first that is mended best, with the faults of its kind of all events',
    report: report({
      events: [
        {
          ...good('a'),
          faults: { schema: wrong('KeyMissing', 'no key'), module: wrong('ModuleInvalid', 'no wasm') },
        },
        { ...good('b'), faults: { schema: wrong('SchemaInvalid', 'no schema') } },
      ],
    }),
    ready: { status: 'False', reason: 'KeyMissing', message: /^event a: no key\nevent b: no schema$/ },
    eventsReady: '2/2',
  },
  {
    name: 'the queue',
    report: report({ queue: wrong('NatsUnreachable', 'see NATS') }),
    ready: { status: 'False', reason: 'NatsUnreachable', message: /^see NATS$/ },
    eventsReady: '2/2',
  },
  {
    name: 'waiting only',
    report: report({
      events: [{ ...good('a'), ready: false, faults: { runner: unsure('Deploying', 'it starts') } }],
    }),
    ready: { status: 'Unknown', reason: 'Deploying', message: /^event a: it starts$/ },
    eventsReady: '0/1',
  },
]
for (const { name, report: found, ready, eventsReady } of sums) {
  t.test(name, (t) => {
    const status = nextStatus(job, found, now)
    t.match(condition(status, 'Ready'), ready)
    t.equal(status.eventsReady, eventsReady)
    t.end()
  })
}

t.test('the time of a transition stays while the status does', (t) => {
  const first = nextStatus(job, report(), now)
  const later = new Date('2026-05-02T12:00:00Z')
  const broken = report({ queue: wrong('NatsUnreachable', 'see NATS') })
  const second = nextStatus({ ...job, status: first }, broken, later)
  t.equal(condition(second, 'SchemasReady')?.lastTransitionTime, '2026-05-01T12:00:00Z')
  t.equal(condition(second, 'QueueReady')?.lastTransitionTime, '2026-05-02T12:00:00Z')
  t.end()
})

t.test('counts stay until there are new ones, and an event that leaves is told', (t) => {
  const events = new Map([
    ['a', { pending: 2, dead: 1 }],
    ['gone', { pending: 5, dead: 0 }],
  ])
  const first = nextStatus(job, report({ backlog: { pending: 7, dead: 1, events }, leaving: ['gone'] }), now)
  t.match(first, { pending: 7, dead: 1 })
  t.match(first.events, [
    { name: 'a', pending: 2, dead: 1 },
    { name: 'b', pending: 0, dead: 0 },
    { name: 'gone', pending: 5, ready: false, reason: 'Leaving' },
  ])
  const second = nextStatus({ ...job, status: first }, report(), now)
  t.match(second, {
    pending: 7,
    dead: 1,
    events: [
      { name: 'a', pending: 2, dead: 1 },
      { name: 'b', pending: 0 },
    ],
  })
  t.notOk(second.events?.some(({ name }) => name === 'gone'))
  t.end()
})

t.test('statuses are the same in whatever order', (t) => {
  const status = nextStatus(job, report(), now)
  const turned = {
    ...status,
    conditions: status.conditions?.toReversed() ?? [],
    events: status.events?.toReversed() ?? [],
  }
  t.ok(sameStatus(turned, status))
  t.notOk(sameStatus({ ...turned, eventsReady: '1/2' }, status))
  t.notOk(sameStatus(undefined, status))
  t.end()
})

t.test('what is told as Kubernetes Events', (t) => {
  const told = (before: JobStatus | undefined, after: JobStatus) =>
    transitions(before, after).map(({ type, status, reason }) => `${type} ${status} ${reason}`)
  const well = nextStatus(job, report(), now)
  const ill = nextStatus(job, report({ queue: wrong('NatsUnreachable', 'see NATS') }), now)
  const waits = nextStatus(
    job,
    report({ events: [{ ...good('a'), faults: { runner: unsure('Deploying', 'it starts') } }] }),
    now,
  )
  t.same(told(undefined, waits), [])
  t.same(told(undefined, well), ['Ready True Ready'])
  t.same(told(well, well), [])
  t.same(told(well, ill), ['QueueReady False NatsUnreachable'])
  t.same(told(ill, well), ['QueueReady True QueueReady', 'Ready True Ready'])
  t.same(told(waits, well), ['Ready True Ready'])
  t.end()
})
