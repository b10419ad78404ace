import pc from 'picocolors'
import t from 'tap'

import { admitJob } from '../../crds/admission.ts'
import type { Job, JobCondition, JobStatus } from '../../crds/job.ts'
import { formatPath } from '../../crds/structure.ts'
import type { Outcome } from '../../functions/outcomes/follow-outcomes.ts'
import type { Verdict } from '../../functions/outcomes/verdict.ts'
import type { KnativeServiceObject } from '../../knative/status/observed.ts'
import { changedConditions, judge, type ExpectedEvent } from './deploy/readiness.ts'
import { refusals } from './deploy/apply-refusal.ts'
import { jobDetails, jobTable, viewOf } from './status/job-view.ts'
import { unknownName } from './target/unknown-name.ts'
import { jsonOutcome, textOutcome } from './events/outcome-view.ts'
import { usesOf } from './push/module-uses.ts'
import { ageOf, tableLines } from './terminal/table.ts'
import { whyNone } from './target/listener.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')
const colors = pc.createColors(false)

/** A Job with the events `ev1` and `ev2`, of generation 2. */
function jobWith(status?: JobStatus, name = 'shop'): Job {
  const admission = admitJob({
    apiVersion: 'jobico.coeux.dev/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      events: ['ev1', 'ev2'].map((event) => ({ name: event, wasm: `${event}.wasm`, schema: { key: 's' } })),
    },
  })
  if ('faults' in admission) throw new Error('the Job of the test is wrong')
  const { job } = admission
  const metadata = { ...job.metadata, generation: 2, creationTimestamp: '2026-01-31T11:55:00Z' }
  return { ...job, metadata, ...(status === undefined ? {} : { status }) }
}

function condition(type: string, holds: JobCondition['status'], reason = type, message = ''): JobCondition {
  return { type, status: holds, reason, message, lastTransitionTime: '2026-01-31T11:59:00Z' }
}

const SERVED: JobStatus = {
  observedGeneration: 2,
  conditions: [condition('ModulesReady', 'True'), condition('Ready', 'True')],
  eventsReady: '2/2',
  pending: 3,
  dead: 1,
  events: [
    { name: 'ev1', ready: true, reason: 'Ready', module: 'sha256-aa', url: 'http://x', pending: 3, dead: 1 },
    { name: 'ev2', ready: true, reason: 'Ready', module: 'sha256-bb' },
  ],
}
const MISSING = condition('ModulesReady', 'False', 'ModuleNotFound', 'event ev2: push it\nevent ev1: push it')
const BROKEN: JobStatus = {
  ...SERVED,
  conditions: [MISSING, { ...MISSING, type: 'Ready' }],
  eventsReady: '0/2',
}

t.test('tables and ages', (t) => {
  t.same(
    tableLines([
      ['A', 'LONG'],
      ['bcd', 'x y'],
      ['', ''],
    ]),
    ['A    LONG', 'bcd  x y', ''],
  )
  const ages: readonly (readonly [string | undefined, string])[] = [
    ['2026-01-31T12:00:00Z', '0s'],
    ['2026-01-31T11:59:01Z', '59s'],
    ['2026-01-31T11:59:00Z', '1m'],
    ['2026-01-31T10:00:01Z', '1h'],
    ['2026-01-01T12:00:00Z', '30d'],
    ['2026-02-01T12:00:00Z', '0s'],
    [undefined, ''],
    ['soon', ''],
  ]
  for (const [time, age] of ages) t.equal(ageOf(time, NOW), age, String(time))
  t.end()
})

t.test('names that are not there', (t) => {
  const say = (name: string, known: readonly string[]) =>
    unknownName({ what: 'event', name, known, place: 'here' })
  t.equal(say('ev3', ['ev1', 'other']), 'there is no event ev3 in here, only ev1, other; did you mean ev1?')
  t.equal(say('zzzzzz', ['ev1', 'ev1']), 'there is no event zzzzzz in here, only ev1; name one of these')
  t.match(say('ev1', []), /^there is no event ev1 in here, nor any other; deploy a Job with jobico deploy/)
  const many = Array.from({ length: 30 }, (_, index) => `event${index}`)
  t.match(say('zzzzzz', many), /only event0, .*, …; name one/)
  t.end()
})

t.test('why no listener takes an event', (t) => {
  const why = (event: string, ...jobs: Job[]) => whyNone(event, jobs, 'default')
  t.equal(
    why('ev', jobWith()),
    'there is no event ev in the namespace default, only ev1, ev2; did you mean ev1?',
  )
  t.match(why('ev1'), /nor any other; deploy a Job with jobico deploy/)
  t.match(why('ev1', jobWith()), /the event ev1 of the Job shop .*: no operator has looked at the Job/)
  t.match(why('ev1', jobWith(BROKEN)), /not received yet: ModuleNotFound: event ev2: push it/)
  t.match(why('ev1', jobWith(SERVED)), /not received yet: its listener is starting; see: jobico status shop/)
  t.end()
})

t.test('the modules that Jobs run', (t) => {
  t.same(usesOf('ev1.wasm', [jobWith(), jobWith(undefined, 'other')]), [
    { job: 'shop', event: 'ev1', memory: '64Mi' },
    { job: 'other', event: 'ev1', memory: '64Mi' },
  ])
  t.same(usesOf('none.wasm', [jobWith()]), [])
  t.end()
})

t.test('how Jobs are shown', (t) => {
  const old = jobWith({ ...SERVED, observedGeneration: 1 }, 'old')
  const views = [viewOf(jobWith(SERVED)), viewOf(jobWith(BROKEN, 'broken')), viewOf(jobWith()), viewOf(old)]
  t.same(jobTable(views, NOW, false), [
    'NAME    READY    EVENTS  PENDING  DEAD  AGE',
    'shop    True     2/2     3        1     5m',
    'broken  False    0/2     3        1     5m',
    '  ModulesReady is False: ModuleNotFound',
    '    event ev2: push it',
    '    event ev1: push it',
    'shop    Unknown  0/2     0        0     5m',
    '  Ready is Unknown: NotSeen',
    '    no operator has looked at this version of the Job yet; see whether it runs: kubectl get pods -n jobico-system',
    'old     Unknown  2/2     3        1     5m',
    '  Ready is Unknown: NotSeen',
    '    no operator has looked at this version of the Job yet; see whether it runs: kubectl get pods -n jobico-system',
  ])
  t.match(jobTable(views, NOW, true), [/^NAMESPACE  NAME/, /^default    shop/])
  t.same(jobDetails(viewOf(jobWith(SERVED)), NOW), [
    'NAME  READY  EVENTS  PENDING  DEAD  AGE',
    'shop  True   2/2     3        1     5m',
    '',
    'CONDITION     STATUS  REASON        MESSAGE',
    'ModulesReady  True    ModulesReady',
    '',
    'EVENT  READY  REASON  PENDING  DEAD  MODULE     URL',
    'ev1    True   Ready   3        1     sha256-aa  http://x',
    'ev2    True   Ready   0        0     sha256-bb',
  ])
  t.match(jobDetails(viewOf(jobWith(BROKEN)), NOW), [
    /NAME/,
    /False/,
    '',
    /CONDITION/,
    /False +ModuleNotFound +event ev2: push it; event ev1: push it$/,
  ])
  t.end()
})

t.test('how outcomes are shown', (t) => {
  const facts = { attempts: 2, module: 'sha256-aa', time: '2026-01-31T12:00:00Z' }
  const attributes = { specversion: '1.0', id: 'k', source: '/s', type: 't' }
  const done = (data?: string, type = 'application/json'): Verdict => ({
    kind: 'done',
    result: {
      attributes: { ...attributes, datacontenttype: type },
      data: data === undefined ? undefined : Buffer.from(data),
      trace: {},
    },
    ...facts,
  })
  const dead: Verdict = { kind: 'dead', code: 'REJECTED', reason: 'no\u001b[2J', errors: [], ...facts }
  const outcome = (verdict: Verdict): Outcome => ({ event: 'ev1', key: 'k', seq: 7, verdict })
  const text = (verdict: Verdict) => textOutcome(outcome(verdict), colors).replace(/^\S+ /, '')
  t.equal(
    text(done('{ "a": 12345678901234567890 }')),
    'ev1        done  k after 2 attempts {"a":12345678901234567890}',
  )
  t.equal(text({ ...done(), attempts: 1 }), 'ev1        done  k')
  t.equal(text(done('abc', 'text/plain')), 'ev1        done  k after 2 attempts 3 bytes of text/plain')
  t.equal(text(dead), 'ev1        dead  k REJECTED: no [2J after 2 attempts')
  const ref = { namespace: 'default', job: 'shop' }
  t.equal(
    jsonOutcome(ref, outcome(done('{ "a": 12345678901234567890 }'))),
    '{"state":"done","key":"k","event":"ev1","namespace":"default","job":"shop","time":"2026-01-31T12:00:00Z","attempts":2,"module":"sha256-aa","result":{"specversion":"1.0","id":"k","source":"/s","type":"t","datacontenttype":"application/json","data":{"a":12345678901234567890}}}',
  )
  t.same(JSON.parse(jsonOutcome(ref, outcome(dead))), {
    ...{ state: 'dead', key: 'k', event: 'ev1', namespace: 'default', job: 'shop', ...facts },
    error: { code: 'REJECTED', reason: 'no\u001b[2J', attempts: 2 },
  })
  t.end()
})

t.test('how far a deployed Job has come', (t) => {
  const listener = (schema: string, observedGeneration = 1, ready = 'True') =>
    ({
      metadata: { name: 'l', generation: 1, annotations: { 'jobico.coeux.dev/schema': schema } },
      status: { observedGeneration, conditions: [{ type: 'Ready', status: ready }] },
    }) as KnativeServiceObject
  const cases: readonly {
    readonly name: string
    readonly status?: JobStatus
    readonly expected?: readonly ExpectedEvent[]
    readonly listeners?: Readonly<Record<string, KnativeServiceObject>>
    readonly want: RegExp
  }[] = [
    { name: 'all serves', status: SERVED, want: /^served/ },
    {
      name: 'all serves, with modules and schemas as expected',
      status: SERVED,
      expected: [{ name: 'ev1', module: 'sha256-aa', schema: 's1' }, { name: 'ev2' }],
      listeners: { ev1: listener('s1') },
      want: /^served/,
    },
    { name: 'not looked at', want: /^coming NotSeen/ },
    { name: 'the version before is Ready', status: { ...SERVED, observedGeneration: 1 }, want: /^coming/ },
    {
      name: 'starting',
      status: { ...SERVED, conditions: [condition('Ready', 'Unknown', 'Starting', 'wait')] },
      want: /^coming Starting: wait/,
    },
    { name: 'a fault', status: BROKEN, want: /^wrong ModuleNotFound: event ev2: push it/ },
    {
      name: 'the old module serves',
      status: SERVED,
      expected: [{ name: 'ev2', module: 'sha256-cc' }],
      want: /^coming event ev2: the new module does not serve yet/,
    },
    {
      name: 'the old schema serves',
      status: SERVED,
      expected: [{ name: 'ev1', schema: 's2' }],
      listeners: { ev1: listener('s1') },
      want: /^coming event ev1: the new schema does not serve yet/,
    },
    {
      name: 'the listener with the new schema is not looked at',
      status: SERVED,
      expected: [{ name: 'ev1', schema: 's1' }],
      listeners: { ev1: listener('s1', 0) },
      want: /^coming event ev1: the new schema/,
    },
    {
      name: 'the listener with the new schema is not ready',
      status: SERVED,
      expected: [{ name: 'ev1', schema: 's1' }],
      listeners: { ev1: listener('s1', 1, 'Unknown') },
      want: /^coming event ev1: the new schema/,
    },
    {
      name: 'no listener yet',
      status: SERVED,
      expected: [{ name: 'ev1', schema: 's1' }],
      want: /^coming event ev1: the new schema/,
    },
  ]
  for (const { name, status, expected = [], listeners = {}, want } of cases) {
    const judgement = judge({ job: jobWith(status), listeners: new Map(Object.entries(listeners)) }, expected)
    t.match(`${judgement.kind} ${judgement.message}`, want, name)
  }
  t.same(changedConditions(undefined, jobWith(SERVED)), [], 'that all is well was known before')
  t.same(changedConditions(jobWith(), jobWith(SERVED)), ['ModulesReady: True', 'Ready: True'])
  t.same(changedConditions(jobWith(SERVED), jobWith(SERVED)), [])
  t.match(changedConditions(jobWith(SERVED), jobWith(BROKEN)), [
    /^ModulesReady: False, ModuleNotFound: event ev2: push it/,
  ])
  t.equal(changedConditions(undefined, jobWith(BROKEN)).length, 1)
  t.end()
})

t.test('what the API server refuses', (t) => {
  const cases: readonly {
    readonly kind?: 'Job' | 'Secret'
    readonly reason: string
    readonly message: string
    readonly want: readonly (readonly [path: string, message: string | RegExp])[]
  }[] = [
    {
      reason: 'Invalid',
      message:
        'Job.jobico.coeux.dev "a" is invalid: spec.queue.storage: Invalid value: "string": storage can not be changed',
      want: [['spec.queue.storage', 'storage can not be changed']],
    },
    {
      reason: 'Invalid',
      message:
        'Job.jobico.coeux.dev "a" is invalid: [spec.events[0].name: Invalid value: "a, b": must match, and more, <nil>: Invalid value: "": two rules, spec.events[10].wasm: Required value]',
      want: [
        ['spec.events[0].name', 'Invalid value: "a, b": must match, and more'],
        ['metadata.name', 'two rules'],
        ['spec.events[10].wasm', 'Required value'],
      ],
    },
    { reason: 'Invalid', message: 'something else', want: [['metadata.name', 'something else']] },
    {
      reason: 'NotFound',
      message: 'namespaces "shop" not found',
      want: [['metadata.name', 'there is no namespace shop; make it with: kubectl create namespace shop']],
    },
    {
      reason: 'NotFound',
      message: 'the server could not find the requested resource',
      want: [
        ['metadata.name', /^the cluster has no Jobs of jobico\.coeux\.dev; install Jobico there: kubectl/],
      ],
    },
    { kind: 'Secret', reason: 'NotFound', message: 'odd', want: [['metadata.name', 'odd']] },
    {
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "kubectl": .spec.events',
      want: [['metadata.name', /conflict with "kubectl": \.spec\.events; .*--force-conflicts/]],
    },
    { reason: 'Forbidden', message: 'you may not', want: [['metadata.name', 'you may not']] },
  ]
  for (const { kind = 'Job', reason, message, want } of cases) {
    const found = refusals({ kind, namespace: 'shop' }, { reason, message })
    t.equal(found.length, want.length, message)
    for (const [index, [path, words]] of want.entries()) {
      t.equal(formatPath(found[index]?.path ?? []), path)
      t.match(found[index]?.message, words)
    }
  }
  t.end()
})
