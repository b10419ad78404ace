import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { neverSinks } from '../../process/never-sinks.ts'
import { openOutput, outputFault } from './output.ts'
import { postToSink, sinkFailure } from './sink.ts'
import { answerText } from './sink-answer.ts'

const LOCAL = neverSinks({ loopback: true })
const RESULT = {
  attributes: { specversion: '1.0', id: 'a', source: '/é', type: 't', datacontenttype: 'application/json' },
  data: Buffer.from('{"a":1}'),
  trace: {},
} as const

t.test('the answer of a sink decides', (t) => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const cases = [
    { status: 200, want: undefined },
    { status: 202, want: undefined },
    { status: 301, want: { kind: 'reject', code: 'SINK_REFUSED' } },
    { status: 400, want: { kind: 'reject', code: 'SINK_REFUSED', reason: 'http://sink answered 400' } },
    { status: 400, text: 'why', want: { kind: 'reject', reason: 'http://sink answered 400: why' } },
    { status: 404, want: { kind: 'reject' } },
    { status: 408, want: { kind: 'retry', code: 'SINK_UNAVAILABLE' } },
    { status: 425, want: { kind: 'retry' } },
    { status: 429, retryAfter: '7', want: { kind: 'retry', afterMs: 7_000 } },
    { status: 503, retryAfter: 'Thu, 01 Jan 2026 00:01:00 GMT', want: { kind: 'retry', afterMs: 60_000 } },
    { status: 503, retryAfter: 'Wed, 31 Dec 2025 00:01:00 GMT', want: { kind: 'retry', afterMs: 0 } },
    { status: 503, retryAfter: '99999999', want: { kind: 'retry', afterMs: 86_400_000 } },
    { status: 500, retryAfter: 'soon', want: { kind: 'retry', code: 'SINK_UNAVAILABLE' } },
    { status: 500, text: 'later', want: { kind: 'retry', reason: 'http://sink answered 500: later' } },
  ]
  for (const { status, retryAfter = null, text = '', want } of cases) {
    const failure = sinkFailure('http://sink', { status, retryAfter, text }, now)
    if (want === undefined) t.equal(failure, undefined, `${status}`)
    else t.match(failure, want, `${status} ${retryAfter ?? ''}`)
  }
  t.match(sinkFailure(`http://${'a'.repeat(2_000)}`, { status: 400, retryAfter: null, text: 'why' }, now), {
    reason: /^.{512}$/,
  })
  t.end()
})

const answers: Readonly<Record<string, { body: string | Uint8Array; want: string }>> = {
  nothing: { body: '', want: '' },
  'a problem document': {
    body: '{"title":"Bad Request","status":400,"detail":"the JSON has the key \\"a\\" twice"}',
    want: 'the JSON has the key "a" twice',
  },
  'a title': { body: '{"title":"Bad Request","status":400}', want: 'Bad Request' },
  'an empty detail': { body: '{"detail":"","title":"Bad Request"}', want: 'Bad Request' },
  'a message and an error': {
    body: '{"error":"Bad Request","message":"no items"}',
    want: 'no items',
  },
  'an error': { body: '{"error":"no items"}', want: 'no items' },
  'a message in an error': { body: '{"error":{"code":7,"message":"no items"}}', want: 'no items' },
  'OAuth 2': { body: '{"error":"invalid_token","error_description":"it expired"}', want: 'it expired' },
  'a list of details': {
    body: '{"detail":[{"loc":["body"],"msg":"field required"}]}',
    want: 'field required',
  },
  GraphQL: { body: '{"errors":[{"message":"no such field"}]}', want: 'no such field' },
  'other JSON': { body: '{"ok":false,\n "code":7}', want: '{"ok":false, "code":7}' },
  'a string': { body: '"no items"', want: 'no items' },
  'broken JSON': { body: '{"detail":"no', want: '{"detail":"no' },
  text: { body: '  no\titems\r\n\u001b[31mred\u0000\u202e! ', want: 'no items [31mred !' },
  'long text': { body: 'x'.repeat(300), want: `${'x'.repeat(199)}…` },
  'half a character at the cut': { body: `${'x'.repeat(198)}🦀🦀`, want: `${'x'.repeat(198)}\ufffd…` },
  'no UTF-8': { body: Buffer.from([0x61, 0xff, 0x62]), want: 'a\ufffdb' },
  HTML: {
    body: '<!DOCTYPE html><html><head><title>502</title><style>a{}</style></head><body class="x">\n<h1>Bad&nbsp;Gateway</h1><script>alert(1)</script><p>a &amp; b</p>',
    want: 'Bad Gateway a & b',
  },
  'HTML that was cut off': { body: '<html><body><p>no items<img src="', want: 'no items' },
  'escaped tags': { body: '<p>&lt;script&gt;', want: '&lt;script&gt;' },
  'HTML in JSON': { body: '{"message":"<p>no items</p>"}', want: 'no items' },
  XML: {
    body: '<?xml version="1.0"?><Error><Code>Denied</Code><Message>no right</Message></Error>',
    want: 'Denied no right',
  },
  'text with a comparison': { body: 'a < b and c > d', want: 'a < b and c > d' },
}

t.test('what a sink answered is told in one line', (t) => {
  for (const [name, { body, want }] of Object.entries(answers))
    t.equal(answerText(Buffer.from(body)), want, name)
  t.end()
})

async function startSink(t: Test, onRequest: RequestListener): Promise<string> {
  const server = createServer(onRequest).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

t.test(
  'an answer without an end is read to a limit, and one that stops costs no more than the time-out',
  async (t) => {
    const endless = await startSink(t, (_request, response) => {
      response.writeHead(400)
      const more = () => {
        while (response.write('why '.repeat(1_000)));
        response.once('drain', more)
      }
      more()
    })
    t.match(await postToSink(endless, RESULT, 60_000, LOCAL), {
      code: 'SINK_REFUSED',
      reason: /answered 400: (why )+why…$/,
    })
    const stopped = await startSink(t, (_request, response) => void response.writeHead(400).write('no items'))
    t.match(await postToSink(stopped, RESULT, 1_000, LOCAL), {
      code: 'SINK_REFUSED',
      reason: /answered 400: no items$/,
    })
    const silent = await startSink(t, () => undefined)
    t.match(await postToSink(silent, RESULT, 100, LOCAL), {
      code: 'SINK_UNAVAILABLE',
      reason: /did not answer: .*timeout/,
    })
  },
)

t.test('a name and a password in the URI are sent as Basic authorization, and never shown', async (t) => {
  const seen: (string | undefined)[] = []
  const uri = await startSink(t, (request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(400).end('no')
  })
  const withPassword = (address: string) => address.replace('http://', 'http://ann:s%40cret@')
  const refused = await postToSink(withPassword(uri), RESULT, 60_000, LOCAL)
  t.same(seen, [`Basic ${Buffer.from('ann:s@cret').toString('base64')}`])
  t.match(refused, { code: 'SINK_REFUSED', reason: /^http:..127.0.0.1:\d+\S* answered 400: no$/ })
  const silent = await postToSink(withPassword('http://127.0.0.1:1/'), RESULT, 60_000, LOCAL)
  t.match(silent, { code: 'SINK_UNAVAILABLE', reason: /^http:..127.0.0.1:1\/ did not answer/ })
})

t.test('a sink gets the event, and is not blamed for what Jobico can not send', async (t) => {
  const seen: unknown[] = []
  const uri = await startSink(t, (request, response) => {
    seen.push(request.headers)
    request.resume().on('end', () => response.end())
  })
  t.equal(await postToSink(uri, RESULT, 60_000, LOCAL), undefined)
  t.match(seen, [{ 'ce-id': 'a', 'ce-source': '/%C3%A9', 'ce-specversion': '1.0', 'content-type': /json/ }])
  const broken = { ...RESULT, trace: { traceparent: 'a\nb' } }
  t.match(await postToSink(uri, broken, 60_000, LOCAL), {
    kind: 'retry',
    code: 'INTERNAL',
    reason: /could not be made/,
  })
  t.match(await postToSink('http://127.0.0.1:1/', RESULT, 60_000, LOCAL), { code: 'SINK_UNAVAILABLE' })
})

t.test('an output opens with a schema that only an earlier version took', async (t) => {
  const folder = t.testdir({ 'schema.json': '{"type":"string","requierd":[]}' })
  const ref = { namespace: 'ns', job: 'job', event: 'ev1' }
  const output = await openOutput(ref, { event: 'ev2', schema: join(folder, 'schema.json') })
  if (output.kind !== 'event') throw new Error('no event')
  const faultOf = (value: unknown) => outputFault('the result', output, Buffer.from(JSON.stringify(value)))
  t.equal(await faultOf('a'), undefined)
  t.match(await faultOf(1), /must be a string/)
})

t.test('what goes to another event is judged by its digits', async (t) => {
  const folder = t.testdir({ 'schema.json': '{"maximum":9007199254740993,"multipleOf":0.01}' })
  const ref = { namespace: 'ns', job: 'job', event: 'ev1' }
  const output = await openOutput(ref, { event: 'ev2', schema: join(folder, 'schema.json') })
  if (output.kind !== 'event') throw new Error('no event')
  for (const text of ['9007199254740993', '19.99'])
    t.equal(await outputFault('the result', output, Buffer.from(text)), undefined, text)
  for (const text of ['9007199254740994', '1e400', '19.999'])
    t.type(await outputFault('the result', output, Buffer.from(text)), 'string', text)
})

t.test('nothing is sent to an address that never is a sink, whatever its name was before', async (t) => {
  let requests = 0
  const uri = await startSink(t, (_request, response) => {
    requests++
    response.end()
  })
  const { port } = new URL(uri)
  const strict = neverSinks({ apiServer: '127.0.0.2' })
  const hosts = ['127.0.0.1', '127.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost', '127.0.0.2', '0']
  for (const host of hosts)
    t.match(
      await postToSink(`http://${host}:${port}/`, RESULT, 60_000, strict),
      { kind: 'reject', code: 'SINK_REFUSED', reason: /of the machine itself, which never takes results$/ },
      host,
    )
  // As if the name were a harmless one that has come to mean this machine since.
  const byAddress = { ...strict, host: () => undefined }
  t.match(await postToSink(`http://localhost:${port}/`, RESULT, 60_000, byAddress), {
    kind: 'reject',
    code: 'SINK_REFUSED',
    reason: /is at \S+, an address of the machine itself/,
  })
  t.match(await postToSink('http://169.254.169.254/', RESULT, 60_000, LOCAL), {
    code: 'SINK_REFUSED',
    reason: /link-local/,
  })
  t.equal(requests, 0)
  t.equal(await postToSink(`http://localhost:${port}/`, RESULT, 60_000, LOCAL), undefined)
  t.equal(requests, 1)
})
