import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { Kube } from '../../knative/kube/client.ts'
import { connectKube, type ConnectOptions } from '../../knative/kube/connect.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import { GUARD } from '../nats-server/start.ts'
import { kubernetesPrograms } from './kubernetes.ts'

const START_TIMEOUT_MS = 120_000
const POLL_MS = 50
/** The users of the API server, each with its name and group: `admin` may do everything, `stranger` nothing. */
const USERS = {
  admin: { name: 'admin', group: 'system:masters' },
  stranger: { name: 'stranger', group: 'strangers' },
  /** The service account of the operator, which may do what knative/install gives it, once that is applied. */
  operator: { name: 'system:serviceaccount:jobico-system:jobico-operator', group: 'system:serviceaccounts' },
}

/** The kind Namespace. */
export const NAMESPACE: Kind = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
}

/** A kube-apiserver and its etcd, each a process that listens on loopback; there is nothing else of Kubernetes. */
export interface ApiServer {
  readonly url: string
  /** The path of a kubeconfig with the contexts `admin`, `stranger` and `operator`. */
  readonly kubeconfig: string
  /** Writes a kubeconfig that reaches the API server through another port, and gives its path. */
  kubeconfigFor(port: number): Promise<string>
  /** The folder with its certificate, apiserver.crt, and its key, apiserver.key. */
  readonly certificates: string
  /** Makes a client; without a context it is `admin`. */
  connect(options?: ConnectOptions): Promise<Kube>
  /** Stops the API server; etcd keeps running. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts the API server again, on the same port. */
  start(): Promise<void>
}

/** Starts both. The caller closes them; they also end with this process. Throws an Error where they are not built yet. */
export async function openApiServer(): Promise<ApiServer & { close(): Promise<void> }> {
  const programs = kubernetesPrograms()
  if (programs === undefined)
    throw new Error('the API server of Kubernetes is not built: run npm run test:api')
  const folder = await mkdtemp(join(tmpdir(), 'jobico-api-server-'))
  const children: ChildProcess[] = []
  const close = async () => {
    await Promise.all(children.map((child) => end(child, 'SIGKILL')))
    await rm(folder, { recursive: true })
  }
  const [etcdPort, peerPort, port] = await freePorts(3)
  const etcd = `http://127.0.0.1:${etcdPort}`
  const url = `https://127.0.0.1:${port}`
  const files = await writeFiles(folder, url)
  const begin = (program: string, args: readonly string[]) => {
    const child = start(join(programs, program), args, join(folder, `${program}.log`))
    children.push(child)
    return child
  }
  begin('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    '--unsafe-no-fsync',
    '--log-level=error',
    `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
  ])
  const connect = (options: ConnectOptions = {}) => connectKube({ kubeconfig: files.kubeconfig, ...options })
  let child: ChildProcess | undefined
  const server = {
    url,
    ...files,
    connect,
    close,
    async kubeconfigFor(other: number) {
      const file = join(folder, `kubeconfig-${other}`)
      await writeKubeconfig(file, `https://127.0.0.1:${other}`)
      return file
    },
    async stop(signal: NodeJS.Signals = 'SIGTERM') {
      if (child !== undefined) await end(child, signal)
    },
    async start() {
      child = begin('kube-apiserver', apiServerArgs(etcd, port, files))
      await waitUntilReady(await connect(), child, join(folder, 'kube-apiserver.log'))
    },
  }
  await server.start().catch(async (fault: unknown) => {
    await close()
    throw fault
  })
  return server
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(POLL_MS)
}

type Files = Pick<ApiServer, 'kubeconfig' | 'certificates'> & {
  readonly tokens: string
  readonly key: string
}

async function writeFiles(folder: string, url: string): Promise<Files> {
  const certificates = join(folder, 'certificates')
  await mkdir(certificates)
  const files = {
    certificates,
    kubeconfig: join(folder, 'kubeconfig'),
    tokens: join(folder, 'tokens.csv'),
    key: join(folder, 'service-accounts.pem'),
  }
  const tokens = Object.entries(USERS).map(
    ([user, { name, group }]) => `${user}-token,${name},${user},"${group}"`,
  )
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await writeFile(files.tokens, tokens.join('\n'))
  await writeFile(files.key, privateKey.export({ type: 'pkcs1', format: 'pem' }))
  await writeKubeconfig(files.kubeconfig, url)
  return files
}

async function writeKubeconfig(file: string, url: string): Promise<void> {
  const users = Object.keys(USERS)
  const cluster = { server: url, 'certificate-authority': 'certificates/apiserver.crt' }
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'admin',
    clusters: [{ name: 'test', cluster }],
    users: users.map((name) => ({ name, user: { token: `${name}-token` } })),
    contexts: users.map((name) => ({ name, context: { cluster: 'test', user: name } })),
  }
  await writeFile(file, JSON.stringify(kubeconfig))
}

function apiServerArgs(etcd: string, port: number, files: Files): string[] {
  return [
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--advertise-address=192.0.2.1',
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=198.18.0.0/24',
    `--cert-dir=${files.certificates}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.key}`,
    `--service-account-signing-key-file=${files.key}`,
    `--token-auth-file=${files.tokens}`,
    '--authorization-mode=RBAC',
    // Nothing creates service accounts here, so the admission of a pod would wait for one in vain.
    '--disable-admission-plugins=ServiceAccount',
    '--kubelet-preferred-address-types=InternalIP',
    '--shutdown-delay-duration=0s',
  ]
}

function start(program: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    return spawn('/bin/sh', ['-c', GUARD, program, program, ...args], {
      detached: true,
      stdio: ['pipe', log, log],
    })
  } finally {
    closeSync(log)
  }
}

/** Stops a program and the shell that guards it: the two are one process group. */
async function end({ pid = 0 }: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  let nextSignal: NodeJS.Signals | 0 = signal
  await until(() => {
    const isGone = !sendSignal(pid, nextSignal)
    nextSignal = 0
    return isGone
  })
}

/** Sends a signal to a process group; false when the group is gone. Signal 0 only asks whether it exists. */
function sendSignal(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}

/** Waits until the API server is ready. Throws, with the last error as the cause, when it exits first or takes too long. */
async function waitUntilReady(kube: Kube, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const fault = await kube.get(NAMESPACE, { namespace: '', name: 'default' }).then(
      (namespace) => (namespace === undefined ? new Error('it has no default namespace') : undefined),
      (thrown: unknown) => thrown,
    )
    if (fault === undefined) return
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`the API server did not come up; see ${logFile}`, { cause: fault })
    await delay(POLL_MS)
  }
}

async function freePorts(count: 3): Promise<[number, number, number]>
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
