import { aligned } from '../../testing/table.ts'
import type { JobsFigures } from './measure-jobs.ts'
import type { ClusterFigures } from './on-cluster.ts'
import type { QueueFigures, SizeFigures } from './measure-queue.ts'

/** On what, and when, something was measured. */
export interface Measured {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
  /** UTC. */
  readonly at: string
  /** The load of the machine over a minute: what else ran on it, and the measurement itself. */
  readonly load: { readonly begin: number; readonly end: number }
}

/** A figure with what it was measured on. */
export type On<T> = T & { readonly on: Measured }

/** All that `npm run bench -- growth` measures. */
export interface Growth {
  readonly jobs: readonly On<JobsFigures>[]
  readonly sizes: readonly On<SizeFigures>[]
  readonly queue: readonly On<QueueFigures>[]
  readonly cluster: readonly On<ClusterFigures>[]
}

/** No figures. */
export const NOTHING_MEASURED: Growth = { jobs: [], sizes: [], queue: [], cluster: [] }

/** Adds figures to earlier ones, in place of those of the same kind and size, in order of size. Pure. */
export function merge(earlier: Growth, later: Partial<Growth>): Growth {
  return {
    jobs: together(earlier.jobs, later.jobs, ({ servers, jobs }) => [servers, jobs]),
    sizes: together(earlier.sizes, later.sizes, ({ bytes }) => [bytes]),
    queue: together(earlier.queue, later.queue, ({ waiting, outcomes }) => [outcomes, waiting]),
    cluster: together(earlier.cluster, later.cluster, ({ jobs }) => [jobs]),
  }
}

function together<T>(
  earlier: readonly T[],
  later: readonly T[] = [],
  keyOf: (each: T) => readonly number[],
): readonly T[] {
  const compare = (a: T, b: T) =>
    keyOf(a)
      .map((part, index) => part - (keyOf(b)[index] ?? 0))
      .find((difference) => difference !== 0) ?? 0
  const kept = earlier.filter((each) => !later.some((other) => compare(each, other) === 0))
  return [...kept, ...later].sort(compare)
}

/** The figures as tables. Pure. */
export function tables({ jobs, sizes, queue, cluster }: Growth): string {
  return [
    ...(jobs.length === 0 ? [] : [jobsTable(jobs)]),
    ...(sizes.length === 0 ? [] : [sizesTable(sizes)]),
    ...(queue.length === 0 ? [] : [queueTable(queue)]),
    ...cluster.map(clusterTable),
  ]
    .map((table) => `${table}\n`)
    .join('\n')
}

function jobsTable(all: Growth['jobs']): string {
  const rows: readonly (readonly [string, (figures: JobsFigures) => string | number])[] = [
    ['made one alone, s', ({ made }) => made.oneSeconds.toFixed(2)],
    [
      'made together, Jobs a second',
      ({ made }) => (made.together === null ? '' : (made.together.jobs / made.together.seconds).toFixed(1)),
    ],
    ['operator, % of a core', ({ rest }) => rest.operator.cpu],
    ['scaler (the other operator), % of a core', ({ rest }) => rest.scaler.cpu],
    ['NATS, % of a core', ({ rest }) => rest.nats.map(({ cpu }) => cpu).join(' ')],
    ['all of them, % of a core', ({ rest }) => rest.cpu],
    ['operator, MiB (most)', ({ rest }) => `${rest.operator.memoryMiB} (${rest.operator.peakMiB})`],
    ['scaler, MiB (most)', ({ rest }) => `${rest.scaler.memoryMiB} (${rest.scaler.peakMiB})`],
    ['NATS, MiB', ({ rest }) => rest.nats.map(({ memoryMiB }) => memoryMiB).join(' ')],
    ['writes to the API server a minute', ({ rest }) => rest.kube.writes],
    ['… of the Lease', ({ rest }) => rest.kube.leaseWrites],
    ['reads of the API server a minute', ({ rest }) => rest.kube.reads],
    ['Jobs looked at a minute', ({ rest }) => rest.reconcilesAMinute],
    ['operator and NATS, messages a minute', ({ rest }) => rest.operatorAndNats.messagesAMinute],
    ['operator and NATS, KiB a minute', ({ rest }) => rest.operatorAndNats.kibAMinute],
    ['scaler and NATS, messages a minute', ({ rest }) => rest.scalerAndNats.messagesAMinute],
    ['scaler and NATS, KiB a minute', ({ rest }) => rest.scalerAndNats.kibAMinute],
    ['between NATS servers, KiB a minute', ({ rest }) => rest.betweenNatsServers.kibAMinute],
    ['the scaler speaks after, ms: p50 p99', ({ wake }) => `${wake.oneByOne.p50} ${wake.oneByOne.p99}`],
    ['… of all together, ms: p50 p99', ({ wake }) => `${wake.together.p50} ${wake.together.p99}`],
    ['a new module is in all Deployments, s', ({ pushed }) => pushed.seconds.toFixed(1)],
    ['… and has a result, s', ({ pushed }) => pushed.resultSeconds.toFixed(1)],
  ]
  return aligned([
    ['Jobs, on nats-servers', ...all.map(({ jobs, servers }) => `${jobs}/${servers}`)],
    ...rows.map(([name, of]) => [name, ...all.map((figures) => String(of(figures)))]),
  ])
}

function sizesTable(all: Growth['sizes']): string {
  return aligned([
    ['data of an event', 'accepted/s', 'MiB/s', 'run/s', 'MiB/s'],
    ...all.map(({ bytes, acceptedPerSecond, runPerSecond }) => [
      `${bytes / 1_024} KiB`,
      ...[acceptedPerSecond, runPerSecond].flatMap((rate) => [
        String(rate),
        ((rate * bytes) / 2 ** 20).toFixed(1),
      ]),
    ]),
  ])
}

function queueTable(all: Growth['queue']): string {
  return aligned([
    ['events that wait', 'outcomes', 'accepted/s', 'run/s', 'a look, ms', 'state of one, ms', 'NATS, MiB'],
    ...all.map((each) =>
      [
        each.waiting,
        each.outcomes,
        each.acceptedPerSecond,
        each.runPerSecond,
        each.lookMs,
        each.stateMs,
        each.natsMiB,
      ].map(String),
    ),
  ])
}

function clusterTable({ jobs, made, toZeroSeconds, rest, fromZeroSeconds }: ClusterFigures): string {
  const { together } = made
  return [
    `${jobs} Jobs on the test cluster`,
    ...(together === null ? [] : [`  ${together.jobs} made together: ${together.seconds.toFixed(0)} s`]),
    `  one more: ${made.oneSeconds.toFixed(1)} s`,
    `  until no pod is left: ${toZeroSeconds} s`,
    `  from zero to a result: ${fromZeroSeconds} s`,
    aligned([
      [`  at rest, over ${rest.seconds} s`, '% of a core', 'MiB'],
      ...rest.containers.map(({ namespace, pod, container, cpu, memoryMiB }) => [
        `  ${namespace}/${pod}/${container}`,
        String(cpu),
        String(memoryMiB),
      ]),
    ]),
  ].join('\n')
}
