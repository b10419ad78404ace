import t from 'tap'

import { startNatsServer } from '../../../scripts/nats-server/start.ts'
import { eventHeaders, headersSize, sizeLimit } from '../../cloudevents/nats-binding.ts'
import { checkAttributes } from '../../cloudevents/cloudevent.ts'
import { eventKey, eventSubjects } from '../../queues/names.ts'
import { publish } from '../../jetstream/publish.ts'
import { binary, createFixture, freshId, JSON_TYPE, keyOf, PERSON, REF } from '../listener.fixture.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'

const server = await startNatsServer({ storeDir: testFolder(t) })
t.teardown(() => server.stop())
const fixture = await createFixture(t, server.url)
const limit = sizeLimit(fixture.requests.maxPayload())

/** The headers of a message whose event `binary` makes. */
function headersOf(id: string, subject: string) {
  const attributes = { specversion: '1.0', type: 'a', source: '/s', id, subject, datacontenttype: JSON_TYPE }
  return eventHeaders({ attributes: checkAttributes(Object.entries(attributes)), trace: {} })
}

t.test('events about the limit of size, headers counted', async (t) => {
  t.equal(limit, 1024 * 1024 - 8 * 1024)
  const listener = fixture.app(t)
  const least = JSON.stringify({ ...PERSON, long: '' })
  for (const [bytes, status] of [
    [limit - 1, 202],
    [limit, 202],
    [limit + 1, 413],
  ] as const) {
    const id = freshId()
    const room = bytes - headersSize(headersOf(id, 'x')) - least.length
    const body = JSON.stringify({ ...PERSON, long: 'x'.repeat(room) })
    const request = binary({ 'ce-id': id, 'ce-subject': 'x' }, body)
    t.equal((await listener.inject(request)).statusCode, status, `${bytes} bytes`)
    const stored = await fixture.queued(keyOf(request))
    t.equal(stored?.data.length, status === 202 ? body.length : undefined, `${bytes} bytes: stored`)
  }
})

t.test('attributes about the limit of headers', async (t) => {
  const listener = fixture.app(t)
  const most = 48 * 1024
  for (const [bytes, status] of [
    [most - 1, 202],
    [most, 202],
    [most + 1, 413],
  ] as const) {
    const id = freshId()
    const subject = 'x'.repeat(bytes - headersSize(headersOf(id, 'x')) + 1)
    const request = binary({ 'ce-id': id, 'ce-subject': subject })
    t.equal((await listener.inject(request)).statusCode, status, `${bytes} bytes`)
    const stored = await fixture.queued(keyOf(request))
    t.equal(stored?.headers?.get('ce-subject').length, status === 202 ? subject.length : undefined)
  }
})

t.test('the largest event fits into a message with all that a runner adds to it', async (t) => {
  const id = freshId()
  const headers = headersOf(id, 'x'.repeat(1_000))
  const payload = Buffer.alloc(limit - headersSize(headers), ' ')
  const message = { subject: eventSubjects(REF).queued(eventKey('/s', id)), headers, payload }
  // Headers of Jobico stay under 4 KiB, and those of NATS name subjects and times.
  headers.set('Jobico-Errors', 'x'.repeat(4 * 1024))
  headers.set('Jobico-Reserve', 'x'.repeat(3 * 1024))
  headers.set('Nats-Msg-Id', 'x'.repeat(64))
  t.match(await publish(fixture.requests, message), { stored: true, duplicate: false }, 'NATS takes it')
  headers.set('Jobico-Reserve', 'x'.repeat(5 * 1024))
  await t.rejects(publish(fixture.requests, message), { code: 'TOO_LARGE' }, 'and nothing much larger')
})
