import { connect } from 'node:net'

import type { Test } from 'tap'

import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import { startKubelet } from '../../knative/kube/kubelet.fixture.ts'
import { NAMESPACE, type ApiServer } from './api-server.ts'

const NODE: Kind = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false }
const USER = { manager: 'a-user', force: true }

/** A pod of NATS whose node passes everything on to a real nats-server on this machine. */
export async function playNats(t: Test, server: ApiServer, port: number): Promise<void> {
  const kube = await server.connect()
  const kubelet = await startKubelet(t, server.certificates, (_port, pod) => {
    const socket = connect(port, '127.0.0.1')
    pod.onData((data) => socket.write(data))
    socket.on('data', (data) => {
      pod.send(data)
    })
    socket.on('close', () => {
      pod.close()
    })
  })
  await kube.create(NODE, { metadata: { name: 'node' } })
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet } },
  }
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' }, status }
  await kube.apply(NODE, node, { ...USER, subresource: 'status' })
  await kube.apply(
    NAMESPACE,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'jobico-system' } },
    USER,
  )
  const metadata = {
    namespace: 'jobico-system',
    name: 'nats-0',
    labels: { 'app.kubernetes.io/name': 'nats' },
  }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata }
  const spec = { nodeName: 'node', containers: [{ name: 'nats', image: 'nats' }] }
  await kube.apply(KINDS.pod, { ...pod, spec }, USER)
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] }
  await kube.apply(KINDS.pod, { ...pod, status: ready }, { ...USER, subresource: 'status' })
}
