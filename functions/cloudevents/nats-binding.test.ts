import { headers } from '@nats-io/transport-node'
import t from 'tap'

import { checkAttributes } from './cloudevent.ts'
import { eventHeaders, eventOfMessage, headersSize } from './nats-binding.ts'

const event = {
  attributes: checkAttributes([
    ['specversion', '1.0'],
    ['id', 'Euro €'],
    ['source', '/s'],
    ['type', 'a'],
    ['datacontenttype', 'application/json'],
    ['myext', '"100%"'],
  ]),
  data: Buffer.from('{}'),
  trace: { traceparent: '00-x-y-01', tracestate: 'a=1' },
}

t.test('an event as headers, and back', (t) => {
  const fields = eventHeaders(event)
  t.same(Object.fromEntries([...fields].map(([name, values]) => [name, values.join()])), {
    'ce-specversion': '1.0',
    'ce-id': 'Euro%20%E2%82%AC',
    'ce-source': '/s',
    'ce-type': 'a',
    'ce-datacontenttype': 'application/json',
    'ce-myext': '%22100%25%22',
    traceparent: '00-x-y-01',
    tracestate: 'a=1',
  })
  const back = eventOfMessage(fields, event.data)
  t.same({ ...back.attributes }, { ...event.attributes })
  t.same(back.trace, event.trace)
  t.equal(back.data, event.data)
  t.equal(eventOfMessage(fields, new Uint8Array()).data, undefined)
  t.end()
})

t.test('headers of others are left alone', (t) => {
  const fields = eventHeaders({ ...event, trace: {} })
  fields.set('Nats-Msg-Id', 'x')
  fields.set('Jobico-Attempt', '1')
  const back = eventOfMessage(fields, event.data)
  t.same({ ...back.attributes }, { ...event.attributes })
  t.same(back.trace, {})
  t.end()
})

t.test('what is no event', (t) => {
  t.throws(() => eventOfMessage(undefined, new Uint8Array()), { code: 'EVENT_INVALID' })
  t.throws(() => eventOfMessage(headers(), new Uint8Array()), { code: 'EVENT_INVALID' })
  const broken = eventHeaders(event)
  broken.set('ce-subject', '100%')
  t.throws(() => eventOfMessage(broken, event.data), { code: 'EVENT_INVALID', message: /ce-subject/ })
  t.end()
})

t.test('the size of headers', (t) => {
  t.equal(headersSize(headers()), 'NATS/1.0\r\n\r\n'.length)
  const fields = headers()
  fields.append('a', 'xy')
  fields.append('a', 'z')
  t.equal(headersSize(fields), 'NATS/1.0\r\na: xy\r\na: z\r\n\r\n'.length)
  t.end()
})
