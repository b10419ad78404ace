import t from 'tap'

import { parseTrigger, triggerMetadata } from './trigger.ts'

t.test('what is read is what was written', (t) => {
  const trigger = { ref: { namespace: 'shop', job: 'orders', event: 'Ev-1' }, target: 8 }
  const metadata = triggerMetadata(trigger)
  t.same(parseTrigger('shop', { ...metadata, scalerAddress: 'scaler:9090' }), trigger)
  t.notOk('namespace' in metadata, 'it is that of the ScaledObject, which nobody can set to another')
  for (const [name, changes] of Object.entries({
    'a Job that is no name': { job: 'a.b' },
    'an event that matches all': { event: '*' },
    'no event': { event: '' },
    'a target of zero': { target: '0' },
    'a target that is no whole number': { target: '1.5' },
  }))
    t.equal(parseTrigger('shop', { ...metadata, ...changes }), undefined, name)
  t.equal(parseTrigger('>', metadata), undefined, 'a namespace that matches all')
  t.end()
})
