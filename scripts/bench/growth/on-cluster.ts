import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { NatsConnection } from '@nats-io/transport-node'

import { messageOf } from '../../../functions/process/errors.ts'
import type { Kube } from '../../../knative/kube/client.ts'
import { connectKube } from '../../../knative/kube/connect.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import { send } from '../../e2e/http.fixture.ts'
import { NAMESPACE } from '../../testing/api-server.ts'
import { openAccount } from '../../testing/cluster-nats.ts'
import { mustRun } from '../../testing/program.ts'
import { median } from '../accept.ts'
import { compileModule, createJobs, type Jobs, type MakingTimes } from './jobs.ts'

// Runs inside the network of the test cluster. Its arguments are a number of Jobs, and the seconds at rest that are measured.
// Prints the figures as a line of JSON.

const SYSTEM = 'jobico-system'
const NATS_PORT = 4222
/** How many Jobs get an event from zero, one after the other. */
const FROM_ZERO = 5
const RESULT_LIMIT_S = 60
const POLL_MS = 2_000

/** What a container took at rest. */
export interface ContainerUse {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** Percent of one core. */
  readonly cpu: number
  readonly memoryMiB: number
}

/** What was measured on the test cluster, with everything that a cluster has. */
export interface ClusterFigures {
  readonly jobs: number
  readonly made: MakingTimes
  /** Until no pod of the Jobs was left. */
  readonly toZeroSeconds: number
  readonly rest: {
    readonly seconds: number
    /** Pods of Jobico, Knative and KEDA. */
    readonly containers: readonly ContainerUse[]
  }
  /** From the request for an event to its result, when neither a listener nor a runner was there; the median. */
  readonly fromZeroSeconds: number
}

interface PodWithAddress extends KubeObject {
  readonly status?: { readonly podIP?: string }
}

async function measure(count: number, restSeconds: number): Promise<ClusterFigures> {
  const kube = await connectKube()
  const url = await natsUrl(kube)
  const opened: NatsConnection[] = []
  const natsOf = async (namespace: string) => {
    const connection = await openAccount({ kube, url }, namespace)
    opened.push(connection)
    return connection
  }
  const folder = await mkdtemp(join(tmpdir(), 'jobico-growth-'))
  const jobs = createJobs({ kube, natsOf, copies: 1 }, await compileModule(folder))
  try {
    return await figuresOf(kube, jobs, count, restSeconds)
  } finally {
    await jobs.close()
    for (const name of new Set(jobs.refs.map(({ namespace }) => namespace)))
      await kube.remove(NAMESPACE, { namespace: '', name })
    await Promise.all(opened.map((connection) => connection.close()))
    await rm(folder, { recursive: true, force: true })
  }
}

async function natsUrl(kube: Kube): Promise<string> {
  const pod = await kube.get<PodWithAddress>(KINDS.pod, { namespace: SYSTEM, name: 'nats-0' })
  if (pod?.status?.podIP !== undefined) return `nats://${pod.status.podIP}:${NATS_PORT}`
  throw new Error('Jobico is not installed on the cluster: see docs/kubernetes.md')
}

async function figuresOf(
  kube: Kube,
  jobs: Jobs,
  count: number,
  restSeconds: number,
): Promise<ClusterFigures> {
  const made = await jobs.growTo(count)
  const toZeroSeconds = await untilZero(kube, jobs.refs[0]?.namespace ?? '')
  const rest = { seconds: restSeconds, containers: await containersAtRest(restSeconds) }
  const times: number[] = []
  for (const { namespace, job } of jobs.refs.slice(0, FROM_ZERO))
    times.push(await fromZero(kube, namespace, job))
  return { jobs: count, made, toZeroSeconds, rest, fromZeroSeconds: round(median(times)) }
}

async function untilZero(kube: Kube, namespace: string): Promise<number> {
  const began = performance.now()
  while ((await kube.list(KINDS.pod, { namespace })).items.length > 0) await delay(POLL_MS)
  return round((performance.now() - began) / 1_000)
}

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly namespace: string; readonly name: string }
    readonly containers?: readonly {
      readonly name: string
      readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds?: number }
      readonly memory?: { readonly workingSetBytes?: number }
    }[]
  }[]
}

/** The namespaces of what Jobico needs. */
const MEASURED = [SYSTEM, 'knative-serving', 'keda', 'traefik']

async function containersAtRest(seconds: number): Promise<readonly ContainerUse[]> {
  const before = await containers()
  await delay(seconds * 1_000)
  const after = await containers()
  return [...after].flatMap(([key, now]) => {
    const then = before.get(key)
    if (then === undefined) return []
    const wall = (Date.parse(now.time) - Date.parse(then.time)) / 1_000
    const cpu = round(((now.nanoseconds - then.nanoseconds) / 1e9 / wall) * 100)
    const { namespace, pod, container, memoryBytes } = now
    return [{ namespace, pod, container, cpu, memoryMiB: Math.round(memoryBytes / 2 ** 20) }]
  })
}

/** What the kubelet says of the containers, by their names. */
async function containers() {
  const nodes = (await mustRun('kubectl', ['get', 'nodes', '-o', 'name'])).trim().split('\n')
  const summaries = await Promise.all(
    nodes.map(async (node) => {
      const path = `/api/v1/nodes/${node.replace('node/', '')}/proxy/stats/summary`
      return JSON.parse(await mustRun('kubectl', ['get', '--raw', path])) as Summary
    }),
  )
  const pods = summaries.flatMap((summary) => summary.pods)
  return new Map(
    pods
      .filter(({ podRef }) => MEASURED.includes(podRef.namespace))
      .flatMap(({ podRef: { namespace, name: pod }, containers = [] }) =>
        containers.map(({ name: container, cpu, memory }) => [
          `${namespace}/${pod}/${container}`,
          {
            namespace,
            pod,
            container,
            time: cpu?.time ?? '',
            nanoseconds: cpu?.usageCoreNanoSeconds ?? 0,
            memoryBytes: memory?.workingSetBytes ?? 0,
          },
        ]),
      ),
  )
}

interface JobWithUrl extends KubeObject {
  readonly status?: { readonly events?: readonly { readonly url?: string }[] }
}

/** Sends an event to a Job and waits for its result, in seconds. */
async function fromZero(kube: Kube, namespace: string, name: string): Promise<number> {
  const job = await kube.get<JobWithUrl>(KINDS.job, { namespace, name })
  const url = job?.status?.events?.[0]?.url
  if (url === undefined) throw new Error(`the Job ${name} has no address`)
  const headers = { 'content-type': 'application/json', prefer: `wait=${RESULT_LIMIT_S}` }
  const body = '{"data":[{"firstName":"Andres","lastName":"Costa"}]}'
  const began = performance.now()
  const { status, text } = await send(url, { headers, body })
  if (status !== 200) throw new Error(`no result from ${url}: ${status} ${text}`)
  return (performance.now() - began) / 1_000
}

/** Two digits after the point. */
function round(value: number): number {
  return Math.round(value * 100) / 100
}

try {
  const [count = '', restSeconds = ''] = process.argv.slice(2)
  process.stdout.write(`${JSON.stringify(await measure(Number(count), Number(restSeconds)))}\n`)
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
