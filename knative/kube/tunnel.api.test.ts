import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'

import t from 'tap'

import { startApiServer, until } from '../../scripts/testing/api-server.fixture.ts'
import { KINDS, type Kind } from './kinds.ts'
import { startKubelet, type PodPort } from './kubelet.fixture.ts'

const NODE: Kind = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }
const POD = { namespace: 'default', name: 'pod' }
const BIG = randomBytes(8_000_000)

/** What the ports of the pod do. */
const PORTS: Readonly<Record<number, (pod: PodPort) => void>> = {
  7000: (pod) => pod.onData((data) => pod.send(data)),
  7001(pod) {
    for (let at = 0; at < BIG.length; at += 64_000) pod.send(BIG.subarray(at, at + 64_000))
    pod.close()
  },
  7002(pod) {
    pod.fail('connection refused')
    pod.close()
  },
  7003: (pod) =>
    pod.onData((data) => {
      setTimeout(() => {
        pod.send(Buffer.from(`${data.toString()}, too`))
        pod.close()
      }, 100)
    }),
}

const server = await startApiServer(t)
const kubelet = await startKubelet(t, server.certificates, (port, pod) => PORTS[port]?.(pod))
const kube = await server.connect()
const manager = { manager: 'test', force: true }
await kube.create(NODE, { metadata: { name: 'node' } })
await kube.apply(
  NODE,
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubelet } },
    },
  },
  { ...manager, subresource: 'status' },
)
await kube.create(KINDS.pod, {
  metadata: POD,
  spec: { nodeName: 'node', containers: [{ name: 'a', image: 'a' }] },
})

t.test('many connections at once, each its own', async (t) => {
  const tunnel = await kube.tunnel(POD, 7000)
  t.teardown(tunnel.close)
  const echoes = Array.from({ length: 20 }, async (_, index) => {
    const sent = BIG.subarray(index * 1000, index * 1000 + 300_000)
    const socket = connect(tunnel.port, '127.0.0.1')
    socket.write(sent)
    let got = 0
    const parts: Buffer[] = []
    for await (const part of socket as AsyncIterable<Buffer>) {
      parts.push(part)
      got += part.length
      if (got >= sent.length) break
    }
    return Buffer.concat(parts).equals(sent)
  })
  t.same(new Set(await Promise.all(echoes)), new Set([true]))
  t.equal(tunnel.fault(), undefined)
})

t.test('all arrives, even if the reader is slow and the other side has closed', async (t) => {
  const tunnel = await kube.tunnel(POD, 7001)
  t.teardown(tunnel.close)
  const socket = connect(tunnel.port, '127.0.0.1')
  await once(socket, 'readable')
  t.ok((await buffer(socket)).equals(BIG))
})

t.test('much is sent', async (t) => {
  const tunnel = await kube.tunnel(POD, 7000)
  t.teardown(tunnel.close)
  const socket = connect(tunnel.port, '127.0.0.1')
  socket.write(BIG)
  let got = 0
  socket.on('data', (data) => (got += data.length))
  await until(() => got === BIG.length)
  socket.destroy()
  t.end()
})

t.test('who has said its last still gets the answer', async (t) => {
  const tunnel = await kube.tunnel(POD, 7003)
  t.teardown(tunnel.close)
  const socket = connect({ port: tunnel.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end('me')
  t.equal((await buffer(socket)).toString(), 'me, too')
})

t.test('what the node says went wrong is told', async (t) => {
  const tunnel = await kube.tunnel(POD, 7002)
  t.teardown(tunnel.close)
  const socket = connect(tunnel.port, '127.0.0.1')
  await t.rejects(buffer(socket), { code: 'ECONNRESET' })
  t.match(tunnel.fault(), { message: 'connection refused' })
})

t.test('a tunnel that is closed takes nothing more', async (t) => {
  const tunnel = await kube.tunnel(POD, 7000)
  const socket = connect(tunnel.port, '127.0.0.1')
  socket.write('a')
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await tunnel.close()
  await closed
  await t.rejects(once(connect(tunnel.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
})

t.test('refusals are those of the API server', async (t) => {
  await t.rejects(kube.tunnel({ namespace: 'default', name: 'none' }, 7000), {
    status: 404,
    reason: 'NotFound',
    message: 'pods "none" not found',
  })
  await kube.create(KINDS.pod, {
    metadata: { name: 'waiting' },
    spec: { containers: [{ name: 'a', image: 'a' }] },
  })
  await t.rejects(kube.tunnel({ namespace: 'default', name: 'waiting' }, 7000), {
    status: 400,
    message: 'pod waiting does not have a host assigned',
  })
  const stranger = await server.connect({ context: 'stranger' })
  await t.rejects(stranger.tunnel(POD, 7000), {
    status: 403,
    message: /User "stranger" cannot .* resource "pods\/portforward"/,
  })
})
