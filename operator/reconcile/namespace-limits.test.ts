import t from 'tap'

import { liveJob } from '../job.fixture.ts'
import { limitFault, readLimits, type NamespaceLimits } from './namespace-limits.ts'

const GiB = 2 ** 30
/** Each has the default maxBytes of 256Mi, so it may store 1.5 GiB in one copy, and maxReplicas of 10 for each event. */
const old = liveJob({ name: 'old', events: ['a', 'b'], created: '2026-01-01T00:00:00Z' })
const twin = liveJob({ name: 'twin', events: ['c'], created: '2026-01-01T00:00:00Z' })
const young = liveJob({ name: 'young', events: ['d', 'e', 'f'], created: '2026-02-01T00:00:00Z' })
const youngest = liveJob({ name: 'youngest', events: ['g'], created: '2026-03-01T00:00:00Z' })
const elsewhere = liveJob({
  name: 'else',
  namespace: 'other',
  events: ['h'],
  created: '2025-01-01T00:00:00Z',
})
const all = [youngest, elsewhere, young, twin, old]
const replicas = old.spec.events[0]?.runner.maxReplicas ?? NaN

const cases: readonly {
  readonly name: string
  readonly limits: NamespaceLimits
  readonly served?: readonly string[]
  readonly queueReplicas?: number
  /** The Jobs that are refused, with a part of the message. */
  readonly want: Readonly<Record<string, RegExp>>
}[] = [
  { name: 'no limits', limits: {}, want: {} },
  { name: 'all fit', limits: { jobs: 4, events: 7, replicas: 7 * replicas, storage: 6 * GiB }, want: {} },
  {
    name: 'the youngest are refused',
    limits: { jobs: 2 },
    want: {
      young: /2 Jobs; its other Jobs take 2, .* take 1;.*`jobs`/,
      youngest: /`jobs` raised in the ConfigMap/,
    },
  },
  {
    name: 'of equally old ones the lowest name comes first',
    limits: { jobs: 1 },
    want: { twin: /./, young: /./, youngest: /./ },
  },
  {
    name: 'a smaller Job finds the room of one that is refused',
    limits: { events: 4 },
    want: { young: /`events`/ },
  },
  { name: 'replicas', limits: { replicas: 4 * replicas }, want: { young: /`runner.maxReplicas`/ } },
  {
    name: 'storage',
    limits: { storage: 3 * GiB },
    want: { young: /3Gi storage .* take 3Gi, .* take 1.5Gi;/, youngest: /`storage` raised/ },
  },
  {
    name: 'storage in three copies',
    limits: { storage: 9 * GiB },
    queueReplicas: 3,
    want: { young: /take 4.5Gi;/, youngest: /./ },
  },
  {
    name: 'those that serve stay, and count',
    limits: { jobs: 2 },
    served: ['young', 'youngest'],
    want: { old: /./, twin: /./ },
  },
  {
    name: 'those that serve stay, even if they are too many',
    limits: { jobs: 1 },
    served: ['old', 'young', 'youngest'],
    want: { twin: /1 Jobs; its other Jobs take 3/ },
  },
  {
    name: 'none may be there',
    limits: { jobs: 0 },
    want: { old: /./, twin: /./, young: /./, youngest: /./ },
  },
]

t.test('which Jobs of a namespace are within its limits', (t) => {
  for (const { name, limits, served = [], queueReplicas = 1, want } of cases) {
    const faults = [old, twin, young, youngest].flatMap((job) => {
      const serves = (other: typeof job) => served.includes(other.metadata.name)
      const fault = limitFault(job, all, serves, { limits, queueReplicas })
      return fault === undefined ? [] : [[job.metadata.name, fault] as const]
    })
    t.same(faults.map(([job]) => job).sort(), Object.keys(want).sort(), name)
    for (const [job, fault] of faults)
      t.match(fault, { status: 'False', reason: 'LimitExceeded', message: want[job] }, `${name}: ${job}`)
  }
  t.end()
})

t.test('a Job whose edit is refused counts for what an earlier version of it was granted', (t) => {
  const granted = { events: 3, replicas: 30, storage: 2 * GiB }
  const edited = { ...old, status: { granted } }
  const context = (limits: NamespaceLimits) => ({ limits, queueReplicas: 1 })
  for (const [limits, want] of [
    [{ events: 1 }, /other Jobs take 3, /],
    [{ storage: GiB }, /other Jobs take 2Gi, /],
  ] as const)
    t.match(limitFault(young, [young, edited], () => false, context(limits))?.message, want)
  t.equal(
    limitFault(edited, [edited], () => false, context({ events: 2 })),
    undefined,
    'its own former version is not in its way',
  )
  t.end()
})

t.test('a Job that is being deleted makes room unless it still serves', (t) => {
  const going = liveJob({
    name: 'going',
    events: ['a'],
    created: '2025-01-01T00:00:00Z',
    deleted: '2026-03-01T00:00:00Z',
  })
  const limits = { jobs: 1 }
  t.equal(
    limitFault(old, [going, old], () => false, { limits, queueReplicas: 1 }),
    undefined,
  )
  const serves = (job: typeof old) => job === going
  t.ok(limitFault(old, [going, old], serves, { limits, queueReplicas: 1 }))
  t.end()
})

t.test('limits are read from a ConfigMap', (t) => {
  const { of, faults } = readLimits({
    default: 'jobs: 100\nstorage: 50Gi # of all servers\n',
    shop: 'storage: 100Gi\n\nevents: 7',
    wrong: 'job: 1\njobs: many\nstorage: 5\nreplicas: -1',
  })
  t.same(of('anything'), { jobs: 100, storage: 50 * GiB })
  t.same(of('shop'), { jobs: 100, storage: 100 * GiB, events: 7 })
  t.same(of('wrong'), { jobs: 100, storage: 50 * GiB }, 'what can not be read sets no limit')
  t.equal(faults.length, 4)
  t.match(faults[0], 'wrong: "job: 1" is not one of jobs, events, replicas, storage')
  t.same(readLimits().of('anything'), {})
  const reach = readLimits({
    default: 'secrets: jobico- # by people who may not make pods\nsinks: https://a.example',
    shop: 'sinks: all\nmoduleConfigMaps: none',
    wrong: 'secrets: _',
  })
  const prefix = { secrets: ['jobico-'] }
  t.same(reach.of('any'), { ...prefix, sinks: [{ scheme: 'https:', host: 'a.example', port: '' }] })
  t.same(reach.of('shop'), { ...prefix, sinks: undefined, moduleConfigMaps: [] })
  t.match(reach.of('wrong'), { secrets: [] }, 'what can not be read allows nothing')
  t.match(reach.faults, [/^wrong: secrets: _ is not .*nothing is allowed/])
  t.end()
})
