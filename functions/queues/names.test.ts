import fc from 'fast-check'
import t from 'tap'

import {
  closedSubject,
  dataEventType,
  dnsLabel,
  eventKey,
  eventSubjects,
  isEventKey,
  jobSource,
  jobSubjects,
  parseSubject,
  resultSource,
  streamNames,
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
    queue: 'JOBICO_shop_orders',
    retry: 'JOBICO_shop_orders_RETRY',
    outcomes: 'JOBICO_shop_orders_OUTCOMES',
  })
  const subjects = eventSubjects(ref)
  t.same(
    Object.fromEntries(
      Object.entries<(key: string) => string>({ ...subjects }).map(([name, subject]) => [name, subject('k')]),
    ),
    {
      queued: 'jobico.shop.orders.Ev1.k',
      later: 'jobico-retry.shop.orders.Ev1.k.later',
      due: 'jobico-retry.shop.orders.Ev1.k.due',
      retry: 'jobico-retry.shop.orders.Ev1.k.*',
      verdict: 'jobico-outcome.shop.orders.Ev1.k',
      deadBody: 'jobico-dead.shop.orders.Ev1.k',
    },
  )
  t.same(jobSubjects(ref), {
    queue: ['jobico.shop.orders.>'],
    retry: ['jobico-retry.shop.orders.>'],
    outcomes: ['jobico-outcome.shop.orders.>', 'jobico-dead.shop.orders.>'],
  })
  t.equal(closedSubject(ref), 'jobico-closed.shop.orders')
  for (const subject of [
    subjects.queued('k'),
    subjects.later('k'),
    subjects.due('k'),
    subjects.deadBody('k'),
  ])
    t.same(parseSubject(subject), { event: 'Ev1', key: 'k' })
  t.same(parseSubject('x'), { event: '', key: '' })
  t.equal(jobSource(ref), '/namespaces/shop/jobs/orders')
  t.equal(resultSource(ref), '/namespaces/shop/jobs/orders/events/Ev1')
  t.equal(dataEventType('Ev1'), 'dev.coeux.jobico.Ev1')
  t.end()
})
