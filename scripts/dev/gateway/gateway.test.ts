import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'

import t, { type Test } from 'tap'

import { startGateway } from './gateway.ts'

async function open(t: Test, answer: RequestListener) {
  const upstream = createServer(answer).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    describe: () => ({ pid: 1 }),
    prove: (...asked) => asked.join(' ').trim(),
  })
  t.teardown(() => {
    gateway.kill()
    upstream.closeAllConnections()
    upstream.close()
    return gateway.close()
  })
  return { gateway, upstream, port }
}

/** Sends raw headers, as fetch would not. */
async function send(
  url: string,
  method: string,
  headers: readonly string[],
  body?: string,
): Promise<IncomingMessage> {
  const outgoing = request(url, { method, headers: [...headers] })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return answer
}

t.test('headers, path, body and answer go through untouched', async (t) => {
  const { gateway, port } = await open(t, (incoming, answer) => {
    void textOf(incoming).then((body) => {
      answer.writeHead(207, 'Fine', ['X-Two', 'a', 'X-Two', 'b', 'Location', '/listener/ev1/events/x'])
      answer.end(
        JSON.stringify({ method: incoming.method, url: incoming.url, raw: incoming.rawHeaders, body }),
      )
    })
  })
  await gateway.route('ev1', port)
  const headers = [
    'Host',
    'localhost',
    'ce-id',
    '1',
    'CE-ID',
    '2',
    'Prefer',
    'wait=1',
    'Content-Length',
    '7',
    'TE',
    'trailers',
  ]
  const answer = await send(`${gateway.url}/listener/ev1?x=%20y`, 'POST', headers, '{"a":1}')
  const seen = JSON.parse(await textOf(answer)) as Record<string, unknown>
  t.match(seen, { method: 'POST', url: '/listener/ev1?x=%20y', body: '{"a":1}' })
  t.same((seen['raw'] as string[]).slice(0, 10), headers.slice(0, 10))
  t.notOk((seen['raw'] as string[]).includes('TE'))
  t.match(answer, { statusCode: 207, statusMessage: 'Fine' })
  t.same(answer.rawHeaders.slice(0, 6), ['X-Two', 'a', 'X-Two', 'b', 'Location', '/listener/ev1/events/x'])
})

t.test('bodies of any length and kind', async (t) => {
  const { gateway, port } = await open(t, (incoming, answer) => void incoming.pipe(answer))
  await gateway.route('ev1', port)
  const url = `${gateway.url}/listener/ev1/events/x`
  const long = 'x'.repeat(2_000_000)
  const chunked = await fetch(url, { method: 'PUT', body: new Blob([long]).stream(), duplex: 'half' })
  t.equal((await chunked.text()).length, long.length)
  t.equal((await fetch(url, { method: 'HEAD' })).status, 200)
  t.equal(await (await fetch(url, { method: 'OPTIONS' })).text(), '')
})

t.test('an answer that comes before the body was read', async (t) => {
  const { gateway, port } = await open(t, (incoming, answer) => {
    incoming.resume()
    answer.writeHead(413).end('too large')
  })
  await gateway.route('ev1', port)
  const answer = await fetch(`${gateway.url}/listener/ev1`, { method: 'POST', body: 'x'.repeat(5_000_000) })
  t.equal(answer.status, 413)
  t.equal(await answer.text(), 'too large')
})

t.test('what the gateway answers itself', async (t) => {
  const { gateway, port } = await open(t, (incoming) => incoming.socket.destroy())
  const starting = await fetch(`${gateway.url}/listener/ev1`, { method: 'POST', body: '{}' })
  t.equal(starting.status, 503, 'before any event is served')
  t.ok(starting.headers.get('retry-after'))
  await gateway.route('ev1', port)
  const problem = async (path: string) => {
    const answer = await fetch(`${gateway.url}${path}`, { method: 'POST', body: '{}' })
    t.equal(answer.headers.get('content-type'), 'application/problem+json')
    return {
      status: answer.status,
      retry: answer.headers.get('retry-after'),
      ...((await answer.json()) as object),
    }
  }
  t.match(await problem('/listener/ev2'), {
    status: 404,
    code: 'NOT_FOUND',
    detail: /the events are at \/listener\/ev1$/,
  })
  t.match(await problem('/'), { status: 404 })
  t.match(await problem('/listener/ev1'), {
    status: 503,
    code: 'QUEUE_UNAVAILABLE',
    retry: '1',
    detail: /sending again with the same id or Idempotency-Key is safe/,
  })
  t.same(await (await fetch(gateway.url)).json(), { pid: 1 })
  const proven = await fetch(gateway.url, { headers: { 'jobico-challenge': 'c' } })
  t.equal(proven.headers.get('jobico-proof'), `c ${(await proven.text()).trim()}`)
  const rebound = await send(`${gateway.url}/listener/ev1`, 'POST', [
    'Host',
    'evil.example',
    'Content-Length',
    '0',
  ])
  t.equal(rebound.statusCode, 403)
  t.match(JSON.parse(await textOf(rebound)), {
    code: 'ORIGIN_REFUSED',
    detail: /only those for localhost.*--host/,
  })
  const foreign = await fetch(`${gateway.url}/listener/ev1`, { headers: { origin: 'https://evil.example' } })
  t.equal(foreign.status, 403)
  t.match(await foreign.json(), { code: 'ORIGIN_REFUSED', detail: /a web page of "https:\/\/evil\.example"/ })
  gateway.remove('ev1')
  t.match(await problem('/listener/ev1'), { status: 404 })
})

t.test('a request waits for a listener that is down, and the old one gets to answer', async (t) => {
  const arrived = Promise.withResolvers<undefined>()
  const held = Promise.withResolvers<undefined>()
  const { gateway, port } = await open(t, (_incoming, answer) => {
    arrived.resolve(undefined)
    void held.promise.then(() => answer.end('old'))
  })
  const next = createServer((_incoming, answer) => answer.end('new')).listen(0, '127.0.0.1')
  t.teardown(() => next.close())
  await once(next, 'listening')
  await gateway.route('ev1', undefined)
  const early = fetch(`${gateway.url}/listener/ev1`)
  await gateway.route('ev1', port)
  await arrived.promise
  let drained = false
  const draining = gateway.route('ev1', (next.address() as AddressInfo).port).then(() => (drained = true))
  t.equal(await (await fetch(`${gateway.url}/listener/ev1`)).text(), 'new')
  t.notOk(drained)
  held.resolve(undefined)
  t.equal(await (await early).text(), 'old')
  await draining
})

t.test('a client that leaves ends its request', async (t) => {
  const left = Promise.withResolvers<undefined>()
  const { gateway, port } = await open(t, (incoming) => {
    incoming.once('close', () => left.resolve(undefined))
    client.destroy()
  })
  await gateway.route('ev1', port)
  const client = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  client.write('POST /listener/ev1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n')
  await left.promise
  t.pass('the listener heard of it')
})
