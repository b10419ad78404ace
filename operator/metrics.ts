import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

import { storageGauge } from '../functions/storage/metrics.ts'
import type { StorageReport } from '../functions/storage/report.ts'
import type { RequestInfo } from '../knative/kube/connect.ts'

/** The metrics of the operator; `reconciled` takes the duration in seconds. */
export interface OperatorMetrics {
  readonly registry: Registry
  readonly request: (request: RequestInfo) => void
  readonly reconciled: (ok: boolean, seconds: number) => void
  readonly leading: (isLeader: boolean) => void
  /** Takes the number of requests that the scaler sends to NATS. */
  readonly scalerRequests: (count: number) => void
}

/** Values that are read at each scrape of the metrics. */
export interface MetricSources {
  /** How many Jobs wait in the work queue. */
  readonly waiting: () => number
  readonly jobs: () => number
  /** How many events KEDA follows at this process. */
  readonly followed: () => number
  readonly storage: () => readonly StorageReport[]
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Makes the metrics of an operator process. */
export function createOperatorMetrics({ waiting, jobs, followed, storage }: MetricSources): OperatorMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const requests = new Counter({
    name: 'jobico_kube_requests_total',
    help: 'Requests to the API server of Kubernetes, by verb, kind of object and HTTP status (0: no answer).',
    labelNames: ['verb', 'kind', 'status'],
    registers,
  })
  const reconciles = new Histogram({
    name: 'jobico_reconcile_seconds',
    help: 'How long a reconcile of a Job took, in seconds.',
    labelNames: ['ok'],
    buckets: SECONDS,
    registers,
  })
  const leader = new Gauge({
    name: 'jobico_leader',
    help: 'Whether this process is the leader: 1 or 0.',
    registers,
  })
  const scalerRequests = new Counter({
    name: 'jobico_scaler_nats_requests_total',
    help: 'Requests to NATS for what is pending, of the scaler.',
    registers,
  })
  readGauge(registers, 'jobico_scaler_events', 'Events that KEDA follows at this process.', followed)
  readGauge(registers, 'jobico_queue_waiting', 'Jobs that wait to be reconciled.', waiting)
  storageGauge(registry, storage)
  readGauge(registers, 'jobico_jobs', 'Jobs in the cluster, as far as this process knows.', jobs)
  return {
    registry,
    request: ({ verb, kind, status }) => requests.inc({ verb, kind, status }),
    reconciled: (ok, seconds) => reconciles.observe({ ok: String(ok) }, seconds),
    leading: (isLeader) => leader.set(isLeader ? 1 : 0),
    scalerRequests: (count) => scalerRequests.inc(count),
  }
}

function readGauge(registers: Registry[], name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read())
    },
  })
}
