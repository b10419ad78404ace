import { readFile } from 'node:fs/promises'

import type { NatsServer } from '../../nats-server/start.ts'
import type { OperatorProcess } from './installation.ts'

/** What a process has used since it began. */
export interface ProcessUse {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  /** The most memory it ever had. */
  readonly peakBytes: number
}

/** The unit in which Linux tells processes their CPU time. */
const TICKS_A_SECOND = 100
const KIB = 1_024

/** Reads what a process uses; only on Linux. */
export async function processUse(pid: number): Promise<ProcessUse> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8')
  const [stat, status] = await Promise.all([read('stat'), read('status')])
  // The name of the program, in brackets, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * KIB
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
    memoryBytes: bytes('VmRSS'),
    peakBytes: bytes('VmHWM'),
  }
}

/** What has gone over a connection to NATS, seen from NATS. */
export interface Traffic {
  readonly messages: number
  readonly bytes: number
}

interface Connz {
  readonly connections: readonly {
    readonly name?: string
    readonly in_msgs: number
    readonly in_bytes: number
    readonly out_msgs: number
    readonly out_bytes: number
  }[]
}

/** What has gone both ways over the connections of a name, on all servers. */
export async function natsTraffic(servers: readonly NatsServer[], name: string): Promise<Traffic> {
  const all = await Promise.all(servers.map(({ monitoringUrl }) => getJson<Connz>(`${monitoringUrl}/connz`)))
  const own = all.flatMap(({ connections }) => connections).filter((each) => each.name === name)
  return {
    messages: own.reduce((sum, each) => sum + each.in_msgs + each.out_msgs, 0),
    bytes: own.reduce((sum, each) => sum + each.in_bytes + each.out_bytes, 0),
  }
}

interface Routez {
  readonly routes: readonly { readonly in_bytes: number; readonly in_msgs: number }[]
}

/** What the servers have sent each other. */
export async function routeTraffic(servers: readonly NatsServer[]): Promise<Traffic> {
  const all = await Promise.all(
    servers.map(({ monitoringUrl }) => getJson<Routez>(`${monitoringUrl}/routez`)),
  )
  const routes = all.flatMap((each) => each.routes)
  return {
    messages: routes.reduce((sum, { in_msgs }) => sum + in_msgs, 0),
    bytes: routes.reduce((sum, { in_bytes }) => sum + in_bytes, 0),
  }
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T
}

/** What an operator process has sent, and how often it has reconciled, since it began. */
export interface OperatorCounts {
  readonly reads: number
  /** All writes to the API server but those of the Lease. */
  readonly writes: number
  readonly leaseWrites: number
  readonly reconciles: number
  readonly scalerRequests: number
}

const READS = ['get', 'list', 'watch', 'discover']

/** Reads the counts of an operator process from its metrics. */
export async function operatorCounts({
  metricsUrl,
}: Pick<OperatorProcess, 'metricsUrl'>): Promise<OperatorCounts> {
  return countsOf(await (await fetch(metricsUrl)).text())
}

/** Reads the counts from the text format of Prometheus. Pure. */
export function countsOf(metrics: string): OperatorCounts {
  const samples = [...metrics.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({ name, labels: labelsOf(labels), value: Number(value) }),
  )
  const total = (name: string, counts: (labels: Labels) => boolean = () => true) =>
    samples
      .filter((each) => each.name === name && counts(each.labels))
      .reduce((sum, { value }) => sum + value, 0)
  const isRead = (labels: Labels) => READS.includes(labels.get('verb') ?? '')
  const isLease = (labels: Labels) => labels.get('kind') === 'Lease'
  const requests = (counts: (labels: Labels) => boolean) => total('jobico_kube_requests_total', counts)
  return {
    reads: requests(isRead),
    writes: requests((labels) => !isRead(labels) && !isLease(labels)),
    leaseWrites: requests((labels) => !isRead(labels) && isLease(labels)),
    reconciles: total('jobico_reconcile_seconds_count'),
    scalerRequests: total('jobico_scaler_nats_requests_total'),
  }
}

type Labels = ReadonlyMap<string, string>

function labelsOf(text: string): Labels {
  return new Map([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]))
}
