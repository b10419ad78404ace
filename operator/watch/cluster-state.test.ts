import t from 'tap'

import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, childLabels, LABELS } from '../../knative/resources/labels.ts'
import { liveJob } from '../job.fixture.ts'
import {
  jobsAffectedByChild,
  jobsAffectedByConfigMap,
  jobsAffectedByNats,
  neededOf,
} from './cluster-state.ts'
import { changeOf } from './nats-changes.ts'

const shop = liveJob({ name: 'shop', events: ['order'] })
const rival = liveJob({ name: 'rival', events: ['order', 'bill'] })
const jobs = [shop, rival]

const child: KubeObject = {
  metadata: {
    name: 'listener-order',
    namespace: 'shop',
    labels: childLabels({ namespace: 'shop', job: 'shop', event: 'order' }, 'listener'),
  },
}

t.test('a child that changed concerns its Job, one that went all who want its event', (t) => {
  t.same(jobsAffectedByChild(child, 'changed', jobs), ['shop/shop'])
  t.same([...new Set(jobsAffectedByChild(child, 'removed', jobs))].sort(), ['shop/rival', 'shop/shop'])
  t.end()
})

const inNats: readonly {
  readonly name: string
  readonly subject: string
  readonly want: readonly string[]
}[] = [
  {
    name: 'a stream that was deleted',
    subject: '$JS.EVENT.ADVISORY.STREAM.DELETED.JOBICO_shop_rival_EVENTS',
    want: ['shop/rival'],
  },
  {
    name: 'a consumer of an event',
    subject: '$JS.EVENT.ADVISORY.CONSUMER.DELETED.JOBICO_shop_shop_QUEUE.order',
    want: ['shop/shop'],
  },
  {
    name: 'a consumer of a reader',
    subject: '$JS.EVENT.ADVISORY.CONSUMER.DELETED.JOBICO_shop_shop_EVENTS.Xy7z',
    want: [],
  },
  { name: 'a stream of 0.1.0', subject: '$JS.EVENT.ADVISORY.STREAM.UPDATED.JOBICO_shop_shop', want: [] },
  { name: 'a module', subject: '$O.jobico-modules-shop.M.b3JkZXI=', want: ['shop/shop', 'shop/rival'] },
  { name: 'a module of another namespace', subject: '$O.jobico-modules-other.M.b3JkZXI=', want: [] },
  { name: "somebody else's object", subject: '$O.pictures.M.b3JkZXI=', want: [] },
]
for (const { name, subject, want } of inNats)
  t.test(name, (t) => {
    const change = changeOf(subject)
    t.same(change === undefined ? [] : jobsAffectedByNats(change, jobs), want)
    t.end()
  })

const configMaps = [
  { name: 'a schema that one Job names', metadata: { name: 'bill' }, want: ['shop/rival'] },
  { name: 'a schema that two name', metadata: { name: 'order' }, want: ['shop/shop', 'shop/rival'] },
  {
    name: 'modules',
    metadata: { name: 'x', labels: { [LABELS.modules]: 'true' } },
    want: ['shop/shop', 'shop/rival'],
  },
  {
    name: 'a copy',
    metadata: { name: 'listener-order-1', labels: { [LABELS.job]: 'shop' } },
    want: ['shop/shop'],
  },
  { name: 'something else', metadata: { name: 'x' }, want: [] },
]
for (const { name, metadata, want } of configMaps)
  t.test(name, (t) => {
    t.same(jobsAffectedByConfigMap({ metadata: { namespace: 'shop', ...metadata } }, jobs), want)
    t.end()
  })

const kept = [
  { name: 'one that a Job names', metadata: { name: 'bill' }, want: true },
  { name: 'one that no Job names', metadata: { name: 'x' }, want: false },
  { name: 'one with modules', metadata: { name: 'x', labels: { [LABELS.modules]: 'true' } }, want: true },
  { name: 'one that had modules', metadata: { name: 'x', labels: { [LABELS.modules]: 'no' } }, want: false },
  {
    name: 'a copy',
    metadata: { name: 'x', labels: childLabels({ namespace: 'shop', job: 'shop', event: 'a' }, 'listener') },
    want: true,
  },
]
t.test('of ConfigMaps only what is needed is kept', (t) => {
  for (const { name, metadata, want } of kept)
    t.equal(neededOf({ metadata: { namespace: 'shop', ...metadata } }, jobs) !== undefined, want, name)
  const long = 'x'.repeat(200_000)
  const found = neededOf(
    {
      metadata: {
        name: 'bill',
        namespace: 'shop',
        uid: 'u',
        resourceVersion: '7',
        labels: { [LABELS.job]: 'shop', mine: 'x' },
        annotations: { note: long, [ANNOTATIONS.schema]: 'sha256-1', [ANNOTATIONS.hash]: long },
      },
    },
    jobs,
  )
  t.same(found, {
    metadata: {
      name: 'bill',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '7',
      labels: { [LABELS.job]: 'shop' },
      annotations: { [ANNOTATIONS.schema]: 'sha256-1' },
      ownerReferences: [],
    },
  })
  t.end()
})
