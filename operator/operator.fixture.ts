import { mkdtemp, rm } from 'node:fs/promises'
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
import { startNatsServer } from '../scripts/nats-server/start.ts'
import { NAMESPACE, startApiServer, until } from '../scripts/testing/api-server.fixture.ts'
import { becomeReady, CONTROLLED_KINDS } from '../scripts/testing/controllers.ts'
import { CRD, jobDefinition, openDefinition } from '../scripts/testing/definitions.ts'
import { runController } from './controller/controller.ts'
import { createOperatorMetrics } from './metrics.ts'
import type { LiveJob } from './watch/cluster-state.ts'

const USER = { manager: 'a-user', force: true }

/** A valid module; another `version` has another digest. */
export function moduleBytes(version = 0, imports = ''): Uint8Array {
  return fromWat(imports, RUNTIME, handle('(i32.const 0)'), `(global i32 (i32.const ${version}))`)
}

/** An operator that runs against a real API server and a real nats-server. The test plays Knative and KEDA. */
export interface OperatorFixture {
  readonly kube: Kube
  readonly nats: NatsConnection
  /** Creates a new namespace, and gives its name. */
  newNamespace(): Promise<string>
  apply<T extends KubeObject>(kind: Kind, object: object): Promise<T>
  /** Installs the CRDs of Knative or of KEDA. */
  install(what: 'knative' | 'keda'): Promise<void>
  /** Waits until a condition of a Job is as wanted, and gives the Job. */
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

/** Starts all of it; everything stops when the test ends. */
export async function startOperator(t: Test): Promise<OperatorFixture> {
  const server = await startApiServer(t)
  const kube = await server.connect()
  const storeDir = await mkdtemp(join(tmpdir(), 'jobico-operator-'))
  const { url, stop } = await startNatsServer({ storeDir, environment: process.env })
  const nats = await connectNats({ url, name: 'test' })
  await kube.apply(CRD, await jobDefinition(), USER)
  await until(async () => (await kube.findKind(KINDS.job.apiVersion, KINDS.job.kind)) !== undefined)
  const stopping = new AbortController()
  const work = runController(
    {
      config: {
        natsUrl: url,
        natsCredsFile: undefined,
        scalerAddress: 'scaler:9090',
        queueReplicas: 1,
        image: 'jobico:test',
        apiServer: undefined,
        namespaces: undefined,
        podName: 'operator-0',
        podNamespace: 'jobico-system',
        metricsPort: 0,
        scalerPort: 9090,
        logLevel: 'silent',
      },
      kube: await server.connect(),
      platform: {
        image: 'jobico:test',
        natsUrl: url,
        scalerAddress: 'scaler:9090',
        logLevel: 'info',
      },
      metrics: createOperatorMetrics({
        waiting: () => 0,
        jobs: () => 0,
        followed: () => 0,
        storage: () => [],
      }),
      log: createLog('silent', {}),
      onWork: () => undefined,
    },
    stopping.signal,
  )
  t.teardown(async () => {
    stopping.abort()
    await work
    await nats.close()
    await stop()
    await rm(storeDir, { recursive: true, force: true })
  })
  let namespaces = 0
  return {
    kube,
    nats,
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
      let found: LiveJob | undefined
      await until(async () => {
        found = await kube.get<LiveJob>(KINDS.job, { namespace, name })
        return found !== undefined && hasCondition(found, wanted)
      })
      if (found === undefined) throw new Error(`the Job ${name} is gone`)
      return found
    },
    sayReady: (namespace) => sayReady(kube, namespace),
  }
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
