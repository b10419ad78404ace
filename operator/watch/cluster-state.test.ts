import t from 'tap'

import type { KubeObject } from '../../knative/kube/object.ts'
import { childLabels, LABELS } from '../../knative/resources/labels.ts'
import { liveJob } from '../job.fixture.ts'
import { jobsAffectedByChild, jobsAffectedByConfigMap, jobsAffectedByNats } from './cluster-state.ts'
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
