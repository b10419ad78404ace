import fc from 'fast-check'
import t from 'tap'

import {
  closedSubject,
  dataEventType,
  descendantsSubject,
  dnsLabel,
  eventKey,
  eventSubjects,
  isEventKey,
  jobOfAnyStream,
  jobOfStream,
  jobSource,
  jobSubjects,
  parseSubject,
  RECORDS,
  resultSource,
  streamNames,
  wakeSubject,
} from './names.ts'

const ref = { namespace: 'shop', job: 'orders', event: 'Ev1' }

t.test('keys', (t) => {
  t.equal(eventKey('/s', '1'), 'db6ztmek3mu4ejeuvkj4ef2sw5')
  t.equal(eventKey('https://example.com/a', 'é-1'), 'gnwwsofhtvdt5y2ef6uchgron7')
  fc.assert(fc.property(fc.string(), fc.string(), (source, id) => isEventKey(eventKey(source, id))))
  for (const no of [
    '',
    'a'.repeat(25),
    'a'.repeat(27),
    'A'.repeat(26),
    '1'.repeat(26),
    `${'a'.repeat(26)}\n`,
    `${'a'.repeat(25)}*`,
  ]) {
    t.notOk(isEventKey(no), JSON.stringify(no))
  }
  t.end()
})

t.test('DNS labels', (t) => {
  t.equal(dnsLabel('ev1'), 'ev1')
  t.equal(dnsLabel('EV1'), 'ev1-rhjkd')
  t.equal(dnsLabel('Ev1'), 'ev1-czqu4')
  t.end()
})

t.test('streams, subjects and attributes', (t) => {
  t.same(streamNames(ref), {
    queue: 'JOBICO_shop_orders_QUEUE',
    events: 'JOBICO_shop_orders_EVENTS',
  })
  for (const name of Object.values<string>({ ...streamNames(ref) }))
    t.same(jobOfStream(name), { namespace: 'shop', job: 'orders' })
  for (const name of ['JOBICO_shop_orders', 'JOBICO_shop_orders_RETRY', 'OBJ_jobico-modules-shop', ''])
    t.equal(jobOfStream(name), undefined, name)
  for (const name of ['JOBICO_shop_orders', 'JOBICO_shop_orders_RETRY', 'JOBICO_shop_orders_QUEUE'])
    t.same(jobOfAnyStream(name), { namespace: 'shop', job: 'orders' }, name)
  for (const name of ['JOBICO_shop', 'OBJ_jobico-modules-shop', 'KV_JOBICO_shop_orders'])
    t.equal(jobOfAnyStream(name), undefined, name)
  const subjects = eventSubjects(ref)
  t.equal(subjects.queued('k'), 'jobico-queue.shop.orders.Ev1.k')
  t.equal(subjects.records('k'), 'jobico-event.shop.orders.Ev1.k.*')
  t.same(jobSubjects(ref), {
    queue: ['jobico-queue.shop.orders.>'],
    events: ['jobico-event.shop.orders.>', 'jobico-tree.shop.orders.>'],
  })
  t.equal(descendantsSubject(ref, 'k'), 'jobico-tree.shop.orders.k')
  t.equal(closedSubject(ref), 'jobico-queue-closed.shop.orders')
  t.equal(wakeSubject(ref), 'jobico-wake.shop.orders.Ev1')
  t.same(parseSubject(subjects.queued('k')), { event: 'Ev1', key: 'k', kind: undefined })
  for (const kind of RECORDS) {
    const subject = subjects.record('k', kind)
    t.equal(subject, `jobico-event.shop.orders.Ev1.k.${kind}`)
    t.same(parseSubject(subject), { event: 'Ev1', key: 'k', kind })
  }
  t.same(parseSubject('x'), { event: '', key: '', kind: undefined })
  t.equal(jobSource(ref), '/namespaces/shop/jobs/orders')
  t.equal(resultSource(ref), '/namespaces/shop/jobs/orders/events/Ev1')
  t.equal(dataEventType('Ev1'), 'dev.coeux.jobico.Ev1')
  t.end()
})
