import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { NatsConnection } from '@nats-io/transport-node'
import type { Test } from 'tap'

import { fromWat, handle, RUNTIME } from '../functions/guests/test-modules.ts'
import { connectNats } from '../functions/jetstream/connection.ts'
import { createLog } from '../functions/process/log.ts'
import type { Kube } from '../knative/kube/client.ts'
import { KINDS, type Kind } from '../knative/kube/kinds.ts'
import type { KubeObject } from '../knative/kube/object.ts'
import { LABELS } from '../knative/resources/labels.ts'
import { NATS_ACCOUNTS_FOLDER, NATS_SERVER } from '../knative/resources/nats-identity.ts'
import { startNatsServer } from '../scripts/nats-server/start.ts'
import { NAMESPACE, startApiServer, until, type ApiServer } from '../scripts/testing/api-server.fixture.ts'
import { becomeReady, CONTROLLED_KINDS } from '../scripts/testing/controllers.ts'
import '../scripts/testing/as-started.fixture.ts'
import { CRD, jobDefinition, openDefinition } from '../scripts/testing/definitions.ts'
import { eventually } from '../scripts/testing/eventually.fixture.ts'
import { installAccess } from '../scripts/testing/installed-access.fixture.ts'
import { runController } from './controller/controller.ts'
import { createOperatorMetrics } from './metrics.ts'
import { createInstallation } from './nats/installation.ts'
import { createNatsLinks } from './nats/links.ts'
import type { LiveJob } from './watch/cluster-state.ts'

const USER = { manager: 'a-user', force: true }
/** The namespace of the operator. */
export const SYSTEM = 'jobico-system'
const CONDITION = { withinMs: 120_000, everyMs: 50 }

/** A valid module; another `version` has another digest. */
export function moduleBytes(version = 0, imports = ''): Uint8Array {
  return fromWat(imports, RUNTIME, handle('(i32.const 0)'), `(global i32 (i32.const ${version}))`)
}

/** An operator that runs against a real API server and a real nats-server. The test plays Knative and KEDA. */
export interface OperatorFixture {
  readonly kube: Kube
  readonly api: ApiServer
  readonly natsUrl: string
  /** Connects to NATS with such credentials, or without any, until the test ends. */
  connect(credentials?: string): Promise<NatsConnection>
  /** Ends the NATS server and starts it, with the configuration that the operator has made for it. */
  restartNats(how?: { readonly forgetAccounts?: boolean }): Promise<void>
  /** Creates a new namespace, and gives its name. */
  newNamespace(): Promise<string>
  apply<T extends KubeObject>(kind: Kind, object: object): Promise<T>
  /** Installs the CRDs of Knative or of KEDA. */
  install(what: 'knative' | 'keda'): Promise<void>
  /** Waits until a condition of a Job is as wanted, and gives the Job. Throws an Error with its conditions after two minutes. */
  condition(namespace: string, name: string, wanted: Wanted): Promise<LiveJob>
  /** Sets the status of all listeners and runners of a namespace to ready, as Knative and KEDA do. */
  sayReady(namespace: string): Promise<void>
}

/** The wanted status and reason of a condition. */
export interface Wanted {
  readonly type: string
  readonly status?: 'True' | 'False' | 'Unknown'
  readonly reason?: string
}

/** How the operator gets into NATS. */
export interface OperatorSetup {
  /** Whether each namespace has an account of its own; by default NATS lets everybody in. */
  readonly accounts?: boolean
  /** Whether NATS lets everybody in all the same, as before an upgrade of its servers. */
  readonly open?: boolean
}

/** Starts all of it; everything stops when the test ends. The operator may do what knative/install lets it do. */
export async function startOperator(
  t: Test,
  { accounts = false, open = !accounts }: OperatorSetup = {},
): Promise<OperatorFixture> {
  const server = await startApiServer(t)
  const kube = await server.connect()
  await kube.apply(CRD, await jobDefinition(), USER)
  await until(async () => (await kube.findKind(KINDS.job.apiVersion, KINDS.job.kind)) !== undefined)
  await installAccess(kube)
  const folder = await mkdtemp(join(tmpdir(), 'jobico-operator-'))
  const port = await freePort()
  const url = `nats://127.0.0.1:${port}`
  const own = await server.connect({ context: 'operator' })
  const { log, installation, links } = identities(own, url, accounts)
  const stopping = new AbortController()
  const startNats = async () => {
    const configured = open ? undefined : await serversConfig(kube, folder)
    return await startNatsServer({
      ...{ storeDir: folder, port, environment: process.env },
      ...(configured === undefined ? {} : { moreConfiguration: configured }),
    })
  }
  // Servers with identities need what the operator makes, and it is there before them; others may be there before it.
  let nats = open ? await startNats() : undefined
  const work = runController(
    {
      config: {
        natsUrl: url,
        natsCredsFile: undefined,
        natsAccounts: accounts,
        scalerAddress: 'scaler:9090',
        queueReplicas: 1,
        image: 'jobico:test',
        apiServer: undefined,
        namespaces: undefined,
        podName: 'operator-0',
        podNamespace: SYSTEM,
        metricsPort: 0,
        scalerPort: 9090,
        logLevel: 'silent',
      },
      kube: own,
      platform: {
        image: 'jobico:test',
        natsUrl: url,
        natsCredentials: accounts,
        scalerAddress: 'scaler:9090',
        logLevel: 'info',
      },
      metrics: createOperatorMetrics({
        waiting: () => 0,
        jobs: () => 0,
        followed: () => 0,
        storage: () => [],
      }),
      ...{ log, links, installation, keysMs: 250 },
      onWork: () => undefined,
    },
    stopping.signal,
  )
  const opened: NatsConnection[] = []
  t.teardown(async () => {
    stopping.abort()
    await work
    await links.close()
    await Promise.all(opened.map((connection) => connection.close()))
    await nats?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  nats ??= await startNats()
  const connect = async (credentials?: string) => {
    const connection = await connectNats({
      ...{ url, name: 'test', firstWithinMs: 5_000 },
      ...(credentials === undefined ? {} : { credentials }),
    })
    opened.push(connection)
    return connection
  }
  let namespaces = 0
  return {
    kube,
    api: server,
    connect,
    natsUrl: url,
    async restartNats({ forgetAccounts = false } = {}) {
      await nats?.stop()
      if (forgetAccounts) await rm(join(folder, 'accounts'), { recursive: true })
      nats = await startNats()
    },
    async newNamespace() {
      const name = `test-${++namespaces}`
      await kube.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, USER)
      return name
    },
    apply: (kind, object) => kube.apply(kind, object, USER),
    async install(what) {
      for (const kind of what === 'knative' ? [KINDS.knativeService, KINDS.revision] : [KINDS.scaledObject]) {
        await kube.apply(CRD, openDefinition(kind), USER)
        await until(async () => (await kube.findKind(kind.apiVersion, kind.kind)) !== undefined)
      }
    },
    async condition(namespace, name, wanted) {
      const look = async () => {
        const job = await kube.get<LiveJob>(KINDS.job, { namespace, name })
        if (job === undefined || hasCondition(job, wanted)) return job
        throw new Error(JSON.stringify(job.status?.conditions ?? []))
      }
      return await eventually(`${namespace}/${name} has ${JSON.stringify(wanted)}`, look, CONDITION)
    },
    sayReady: (namespace) => sayReady(kube, namespace),
  }
}

/** As the operator's main. */
function identities(kube: Kube, url: string, accounts: boolean) {
  const log = createLog('silent', {})
  const installation = accounts ? createInstallation(kube, SYSTEM, log) : undefined
  const links = createNatsLinks({
    ...{ url, name: 'jobico-operator', log },
    access:
      installation === undefined
        ? { kind: 'shared', credsFile: undefined }
        : { kind: 'accounts', keys: () => installation.get() },
  })
  return { log, installation, links }
}

/** What the operator has made for the servers, with another folder for the tokens of accounts. */
async function serversConfig(kube: Kube, folder: string): Promise<string> {
  let text: string | undefined
  await until(async () => {
    const name = { namespace: SYSTEM, name: NATS_SERVER.configMap }
    const found = await kube.get<KubeObject & { readonly data: Record<string, string> }>(
      KINDS.configMap,
      name,
    )
    text = found?.data[NATS_SERVER.config]
    return text !== undefined
  })
  return (text ?? '').replace(NATS_ACCOUNTS_FOLDER, join(folder, 'accounts'))
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await once(probe.close(), 'close')
  return port
}

/** Whether a condition of a Job, for its current generation, is as wanted. */
function hasCondition({ metadata, status }: LiveJob, { type, ...wanted }: Wanted): boolean {
  const now = status?.conditions?.find((condition) => condition.type === type)
  if (now === undefined || now.observedGeneration !== metadata.generation) return false
  return Object.entries(wanted).every(([field, value]) => Reflect.get(now, field) === value)
}

async function sayReady(kube: Kube, namespace: string): Promise<void> {
  for (const kind of CONTROLLED_KINDS) {
    const { items } = await kube.list<KubeObject>(kind, { namespace })
    for (const object of items) await becomeReady(kube, kind, object)
  }
}

/** A ConfigMap that holds a module. */
export function moduleConfigMap(
  namespace: string,
  file: string,
  bytes: Uint8Array,
  name = 'modules',
): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name, labels: { [LABELS.modules]: 'true' } },
    binaryData: { [file]: Buffer.from(bytes).toString('base64') },
  }
}

/** A ConfigMap with the schema of an event, under the name and key that `jobObject` refers to. */
export function schemaConfigMap(namespace: string, event: string, schema: string): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: `schema-${event}` },
    data: { [`schema-${event}.json`]: schema },
  }
}

/** A Job with these events; the module of each is `<event>.wasm`. */
export function jobObject(namespace: string, name: string, events: readonly string[]): object {
  return {
    apiVersion: 'jobico.coeux.dev/v1',
    kind: 'Job',
    metadata: { namespace, name },
    spec: {
      events: events.map((event) => ({
        name: event,
        wasm: `${event}.wasm`,
        schema: { key: `schema-${event}` },
      })),
      queue: { storage: 'Memory', maxBytes: '1Mi' },
    },
  }
}
