import t from 'tap'

import type { KubeObject } from '../../knative/kube/object.ts'
import { childLabels, LABELS } from '../../knative/resources/labels.ts'
import { liveJob } from '../job.fixture.ts'
import { jobsAffectedByChild, jobsAffectedByConfigMap } from './cluster-state.ts'

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
