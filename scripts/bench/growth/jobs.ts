import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { NatsConnection } from '@nats-io/transport-node'

import { openModuleStore } from '../../../functions/modules/module-store.ts'
import type { EventRef } from '../../../functions/queues/names.ts'
import { KINDS, type Kind } from '../../../knative/kube/kinds.ts'
import { compileAssemblyScript } from '../../assemblyscript.ts'
import { ROOT } from '../../bundling/modules.ts'
import { until } from '../../testing/api-server.ts'
import { followReady } from './controllers.ts'
import { makeNamespace, USER, type Installation } from './installation.ts'

/** How many Jobs are applied at the same time, and how many are made one after the other to measure a single one. */
const AT_ONCE = 8
const SINGLE = 5
/** How many Jobs share a namespace and its module. */
const JOBS_A_NAMESPACE = 100
export const MODULE = 'echo.wasm'

const SCHEMA = {
  type: 'object',
  properties: { firstName: { type: 'string' }, lastName: { type: 'string' } },
  required: ['firstName', 'lastName'],
}

/** How long Jobs took from their apply until the operator said that they are ready. */
export interface MakingTimes {
  /** All that were applied together, and how many these were; null if none were. */
  readonly together: { readonly jobs: number; readonly seconds: number } | null
  /** One alone, beside those that were there; the median of a few. */
  readonly oneSeconds: number
}

/** The Jobs of an installation, which become more and more. */
export interface Jobs {
  /** The event of each Job. */
  readonly refs: readonly EventRef[]
  /** Makes more Jobs until there are so many. */
  growTo(count: number): Promise<MakingTimes>
  close(): Promise<void>
}

/** Compiles the module that all Jobs use. */
export async function compileModule(folder: string): Promise<Uint8Array> {
  const out = join(folder, MODULE)
  await compileAssemblyScript({ entry: join(ROOT, 'wasm-examples/echo/assembly/index.ts'), out })
  return await readFile(out)
}

/** The same module, with another digest. */
export function anotherVersion(module: Uint8Array, version: number): Uint8Array {
  const name = Buffer.from(`version ${version}`)
  // A custom section, which no engine looks at: its id, its size, the length of its name, and its name.
  return Buffer.concat([module, Buffer.from([0, name.length + 1, name.length]), name])
}

/** Where Jobs are made. */
export interface JobsPlace extends Pick<Installation, 'kube'> {
  /** A connection to the NATS of a namespace. */
  readonly natsOf: (namespace: string) => Promise<NatsConnection>
  /** How many copies of modules NATS keeps. */
  readonly copies: number
}

/** Begins without a Job. */
export function createJobs({ kube, natsOf, copies }: JobsPlace, module: Uint8Array): Jobs {
  const refs: EventRef[] = []
  const ready = new Set<string>()
  const stopping = new AbortController()
  const following = followReady(kube, (namespace, job) => ready.add(`${namespace}/${job}`), stopping.signal)

  const namespaces = new Map<string, Promise<void>>()
  const ensureNamespace = (namespace: string): Promise<void> => {
    const made = namespaces.get(namespace) ?? makeWithModule(namespace)
    namespaces.set(namespace, made)
    return made
  }
  const makeWithModule = async (namespace: string) => {
    await makeNamespace(kube, namespace)
    const store = await openModuleStore(await natsOf(namespace), namespace, { create: { replicas: copies } })
    await store.put(MODULE, module)
  }
  const make = async (): Promise<void> => {
    const index = refs.length
    const namespace = `growth-${Math.floor(index / JOBS_A_NAMESPACE)}`
    const ref = { namespace, job: `job-${index}`, event: `e${index}` }
    refs.push(ref)
    await ensureNamespace(namespace)
    for (const { kind, object } of objectsOf(ref)) await kube.apply(kind, object, USER)
  }
  const isReady = ({ namespace, job }: EventRef) => ready.has(`${namespace}/${job}`)
  const makeAndWait = async (count: number): Promise<number> => {
    const before = refs.length
    const began = performance.now()
    const makeSome = async () => {
      while (refs.length < before + count) await make()
    }
    await Promise.all(Array.from({ length: AT_ONCE }, makeSome))
    await until(() => refs.slice(before).every(isReady))
    return (performance.now() - began) / 1_000
  }
  return {
    refs,
    async growTo(count) {
      const single = Math.min(SINGLE, count - refs.length)
      const jobs = count - refs.length - single
      const together = jobs > 0 ? { jobs, seconds: await makeAndWait(jobs) } : null
      const times: number[] = []
      while (refs.length < count) times.push(await makeAndWait(1))
      return { together, oneSeconds: times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN }
    },
    async close() {
      stopping.abort()
      await following
    },
  }
}

function objectsOf({ namespace, job, event }: EventRef): readonly { kind: Kind; object: object }[] {
  const key = `schema-${event}`
  return [
    {
      kind: KINDS.configMap,
      object: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: key },
        data: { [`${key}.json`]: JSON.stringify(SCHEMA) },
      },
    },
    {
      kind: KINDS.job,
      object: {
        apiVersion: KINDS.job.apiVersion,
        kind: KINDS.job.kind,
        metadata: { namespace, name: job },
        spec: { events: [{ name: event, wasm: MODULE, schema: { key } }] },
      },
    },
  ]
}
