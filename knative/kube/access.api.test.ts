import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import t from 'tap'

import { startApiServer } from '../../scripts/testing/api-server.fixture.ts'
import { createCaller } from './call.ts'
import { readKubeEnvironment } from './config.ts'
import { connectKube } from './connect.ts'
import { inClusterAccess } from './in-cluster.ts'
import { KINDS } from './kinds.ts'
import { reader } from './read.ts'

const folder = t.testdir()
const server = await startApiServer(t)

/** A kubeconfig with one context, changed by the caller. */
async function kubeconfig(name: string, change: object): Promise<string> {
  const file = join(folder, name)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'me', namespace: 'mine' } }],
    clusters: [{ name: 'here', cluster: { server: 'https://127.0.0.1:1/' } }],
    users: [{ name: 'me', user: {} }],
    ...change,
  }
  await writeFile(file, JSON.stringify(config))
  return file
}

/** A kubeconfig that leads to a server without TLS. */
async function plainKubeconfig(name: string, server: Server): Promise<string> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const cluster = { server: url, 'insecure-skip-tls-verify': true }
  return await kubeconfig(name, { clusters: [{ name: 'here', cluster }] })
}

t.test('a kubeconfig says where and who', async (t) => {
  const good = await kubeconfig('good', {})
  const kube = await connectKube({ kubeconfig: good })
  t.match(kube, { namespace: 'mine', place: 'context here (https://127.0.0.1:1)' })
  t.equal((await connectKube({ kubeconfig: good, namespace: 'other' })).namespace, 'other')
  await t.rejects(kube.list(KINDS.job, {}), {
    name: 'KubeError',
    status: 0,
    reason: 'Unreachable',
    message:
      /^the API server of context here \(https:\/\/127\.0\.0\.1:1\) can't be reached: connect ECONNREFUSED .*kubectl --context here version$/,
  })
})

const unusable: [string, object, object, RegExp][] = [
  ['no such context', { context: 'there' }, {}, /has no context there; it has here$/],
  [
    'none chosen',
    {},
    { 'current-context': '' },
    /has no current context, so name one with --context; it has here$/,
  ],
  ['none at all', {}, { contexts: [] }, /has no context here; it has none$/],
  ['a context of no cluster', {}, { clusters: [] }, /names a cluster here, which is not in it$/],
]
for (const [name, options, change, message] of unusable)
  t.test(`a kubeconfig with ${name}`, async (t) => {
    const file = await kubeconfig(`bad-${name}`, change)
    await t.rejects(connectKube({ kubeconfig: file, ...options }), {
      status: 0,
      reason: 'NoCluster',
      message,
    })
  })

t.test('a kubeconfig that is not there', async (t) => {
  await t.rejects(connectKube({ kubeconfig: join(folder, 'none') }), {
    reason: 'NoCluster',
    message: /the kubeconfig .*none can't be read: ENOENT/,
  })
})

t.test('no kubeconfig at all', async (t) => {
  const { HOME, KUBECONFIG } = process.env
  t.teardown(() =>
    Object.assign(
      process.env,
      HOME === undefined ? {} : { HOME },
      KUBECONFIG === undefined ? {} : { KUBECONFIG },
    ),
  )
  delete process.env['KUBECONFIG']
  process.env['HOME'] = t.testdir()
  await t.rejects(connectKube({ context: 'there' }), {
    reason: 'NoCluster',
    message: 'there is no kubeconfig: make ~/.kube/config, or name one in KUBECONFIG',
  })
})

t.test('what answers is no API server', async (t) => {
  const stranger = createServer((request, response) => {
    response.statusCode = request.url?.includes('pods') === true ? 200 : 502
    response.end('<html>Bad Gateway</html>')
  }).listen(0, '127.0.0.1')
  t.teardown(() => stranger.close())
  await once(stranger, 'listening')
  const file = await plainKubeconfig('proxy', stranger)
  const kube = await connectKube({ kubeconfig: file })
  await t.rejects(kube.list(KINDS.job, {}), {
    status: 502,
    reason: 'BadGateway',
    message: '<html>Bad Gateway</html>',
  })
  await t.rejects(kube.list(KINDS.pod, {}), { status: 0, message: /what answers there is no API server/ })
})

t.test('an API server that is silent, or stops in the middle', async (t) => {
  const silent = createServer((request, response) => {
    if (request.url?.includes('pods') === true) response.write('{"items":')
  }).listen(0, '127.0.0.1')
  t.teardown(() => silent.close().closeAllConnections())
  await once(silent, 'listening')
  const kube = await connectKube({ kubeconfig: await plainKubeconfig('silent', silent) })
  const late = {
    reason: 'Unreachable',
    message: /it gave no answer within 15 s; see whether the cluster runs/,
  }
  await Promise.all([t.rejects(kube.list(KINDS.job, {}), late), t.rejects(kube.list(KINDS.pod, {}), late)])
})

t.test('a plugin tells who', async (t) => {
  const token = (name: string) => {
    const apiVersion = 'client.authentication.k8s.io/v1'
    return JSON.stringify({ apiVersion, kind: 'ExecCredential', status: { token: `${name}-token` } })
  }
  const as = (name: string) => ({
    apiVersion: 'client.authentication.k8s.io/v1',
    command: '/bin/sh',
    args: ['-c', `echo '${token(name)}'`],
    interactiveMode: 'Never',
  })
  const cluster = { server: server.url, 'certificate-authority': join(server.certificates, 'apiserver.crt') }
  const connectAs = async (name: string) => {
    const users = [{ name: 'me', user: { exec: as(name) } }]
    return await connectKube({
      kubeconfig: await kubeconfig(name, { clusters: [{ name: 'here', cluster }], users }),
    })
  }
  t.ok((await (await connectAs('admin')).list(KINDS.configMap, {})).resourceVersion)
  await t.rejects((await connectAs('stranger')).list(KINDS.configMap, {}), {
    status: 403,
    message: /User "stranger"/,
  })
})

t.test('an API server whose certificate is not known', async (t) => {
  const clusters = [{ name: 'here', cluster: { server: server.url } }]
  const kube = await connectKube({ kubeconfig: await kubeconfig('untrusted', { clusters }) })
  await t.rejects(kube.list(KINDS.configMap, {}), {
    reason: 'Unreachable',
    message: /self-signed certificate.*its server and certificates in the kubeconfig are right/,
  })
})

t.test('a pod finds its API server', (t) => {
  const cases: [Record<string, string>, string | undefined][] = [
    [{}, undefined],
    [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'https://10.0.0.1:443'],
    [{ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }, 'https://[fd00::1]:6443'],
  ]
  for (const [environment, server] of cases) t.equal(readKubeEnvironment(environment).inClusterServer, server)
  t.equal(readKubeEnvironment({ KUBECONFIG: 'a' }).namesKubeconfig, true)
  t.end()
})

t.test('a service account whose token is replaced', async (t) => {
  t.equal(await inClusterAccess(server.url, join(folder, 'none')), undefined)
  const ca = await readFile(join(server.certificates, 'apiserver.crt'))
  await writeFile(join(folder, 'ca.crt'), ca)
  await writeFile(join(folder, 'token'), 'admin-token\n')
  await writeFile(join(folder, 'namespace'), 'jobico-system')
  const access = await inClusterAccess(server.url, folder)
  if (access === undefined) throw new Error('there is a token')
  t.match(access, { namespace: 'jobico-system', place: `this cluster (${server.url})` })
  const kube = reader(createCaller(access, { onRequest: () => undefined }))
  t.ok((await kube.list(KINDS.configMap, {})).resourceVersion)
  await writeFile(join(folder, 'token'), 'stranger-token')
  await t.rejects(kube.list(KINDS.configMap, {}), { status: 403, message: /User "stranger"/ })
})
