import t from 'tap'

import type { KubeObject } from '../../knative/kube/object.ts'
import { createCache, type Change } from './cache.ts'

const APPLIED_COPY = 'kubectl.kubernetes.io/last-applied-configuration'

function object(name: string, version: string, more: object = {}): KubeObject {
  return { metadata: { namespace: 'shop', name, uid: name, resourceVersion: version, ...more } }
}

function cacheWithChanges() {
  const changes: [string, Change][] = []
  const cache = createCache<KubeObject>(({ metadata }, change) => changes.push([metadata.name, change]))
  return { cache, changes }
}

t.test('a cache tells what has changed, and only that', (t) => {
  const { cache, changes } = cacheWithChanges()
  cache.replaceAll([object('a', '1'), object('b', '1')])
  cache.set(object('a', '1'))
  cache.set(object('a', '2'))
  cache.replaceAll([object('a', '2'), object('c', '1')])
  cache.remove(object('c', '1'))
  cache.remove(object('c', '1'))
  t.same(changes, [
    ['a', 'added'],
    ['b', 'added'],
    ['a', 'changed'],
    ['b', 'removed'],
    ['c', 'added'],
    ['c', 'removed'],
  ])
  t.same(
    cache.list('shop').map(({ metadata }) => metadata.name),
    ['a'],
  )
  t.same(cache.list('other'), [])
  t.end()
})

t.test('a cache keeps all of an object but its bookkeeping', (t) => {
  const { cache } = cacheWithChanges()
  const managedFields = [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }]
  const spec = { managedFields: 'of a user' }
  const whole = {
    ...object('a', '1', { managedFields, annotations: { [APPLIED_COPY]: '{}', mine: 'kept' } }),
    spec,
  }
  cache.set(whole)
  t.same(cache.get({ namespace: 'shop', name: 'a' }), {
    ...object('a', '1', { annotations: { mine: 'kept' } }),
    spec,
  })
  t.same(whole.metadata, { ...whole.metadata, managedFields }, 'the object that was given stays whole')
  cache.set(object('b', '1', { annotations: { mine: 'kept' } }))
  t.same(cache.get({ namespace: 'shop', name: 'b' }), object('b', '1', { annotations: { mine: 'kept' } }))
  t.end()
})

t.test('what is not kept is told of all the same', (t) => {
  const changes: [string, Change][] = []
  const cache = createCache<KubeObject>(
    ({ metadata }, change) => changes.push([metadata.name, change]),
    (each) => (each.metadata.labels?.['keep'] === 'yes' ? object(each.metadata.name, 'kept') : undefined),
  )
  const yes = { labels: { keep: 'yes' } }
  cache.replaceAll([object('a', '1'), object('b', '1', yes)])
  t.match(cache.list(), [{ metadata: { name: 'b', resourceVersion: 'kept' } }])
  cache.set(object('b', '2'))
  t.same(cache.list(), [], 'it is not needed any more')
  cache.set(object('a', '2', yes))
  cache.remove(object('a', '2', yes))
  cache.remove(object('b', '2'))
  t.same(changes, [
    ['a', 'added'],
    ['b', 'added'],
    ['b', 'changed'],
    ['a', 'added'],
    ['a', 'removed'],
    ['b', 'removed'],
  ])
  t.end()
})
