import t from 'tap'

import { causeOf } from './relations.ts'

const JOB = { namespace: 'shop', job: 'orders' }
const KEY = 'jxyj3m45sggchcwx47gpggv335'
const SOURCE = '/namespaces/shop/jobs/orders/events/order'

const cases: readonly (readonly [name: string, id: string, source: string, event: string | undefined])[] = [
  ['a result that was handed on', KEY, SOURCE, 'order'],
  ['what was emitted', `${KEY}-1`, SOURCE, 'order'],
  ['the fiftieth that was emitted', `${KEY}-50`, SOURCE, 'order'],
  ['an event of bare data', `${KEY}/0`, '/namespaces/shop/jobs/orders', undefined],
  ['an event from outside', 'A-1', '/s', undefined],
  ['a result of another Job', KEY, '/namespaces/shop/jobs/orders2/events/order', undefined],
  ['an id that is no key', 'A-1', SOURCE, undefined],
  ['a number too many', `${KEY}-1-1`, SOURCE, undefined],
  ['wildcards of NATS', KEY, '/namespaces/shop/jobs/orders/events/*', undefined],
  ['more than one token of a subject', KEY, '/namespaces/shop/jobs/orders/events/a.b', undefined],
  ['no event', KEY, '/namespaces/shop/jobs/orders/events/', undefined],
  ['a longer path', KEY, `${SOURCE}/x`, undefined],
]

t.test('the cause of an event, by its id and source', (t) => {
  for (const [name, id, source, event] of cases)
    t.same(causeOf(JOB, { id, source }), event === undefined ? undefined : { event, key: KEY }, name)
  t.end()
})
