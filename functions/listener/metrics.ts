import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import { storageGauge } from '../storage/metrics.ts'
import type { StorageReport } from '../storage/report.ts'

/** The metrics of a listener. */
export interface ListenerMetrics {
  readonly registry: Registry
  /** Call it when a request arrives. */
  began(): void
  /** Call it when a request is over, with the status of its answer, 0 if the client left without one, and its duration. */
  ended(status: number, seconds: number): void
  /** Call it when events are answered with 202. */
  accepted(fresh: number, duplicates: number): void
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Makes the metrics of a listener in a registry of their own, labelled with the event. */
export function createMetrics(
  event: string,
  storage: () => readonly StorageReport[] = () => [],
): ListenerMetrics {
  const registry = new Registry()
  registry.setDefaultLabels({ event })
  const registers = [registry]
  const requests = new Counter({
    name: 'jobico_listener_requests_total',
    help: 'Requests by the status of the answer; 0 when the client left without one.',
    labelNames: ['code'],
    registers,
  })
  const accepted = new Counter({
    name: 'jobico_listener_events_accepted_total',
    help: 'Events that were stored in the queue.',
    registers,
  })
  const duplicates = new Counter({
    name: 'jobico_listener_events_duplicate_total',
    help: 'Events that were in the queue already.',
    registers,
  })
  const seconds = new Histogram({
    name: 'jobico_listener_request_seconds',
    help: 'Time from the headers of a request to the end of its answer.',
    buckets: SECONDS,
    registers,
  })
  const inFlight = new Gauge({
    name: 'jobico_listener_requests_in_flight',
    help: 'Requests that are being handled.',
    registers,
  })
  storageGauge(registry, storage)
  return {
    registry,
    began: () => inFlight.inc(),
    ended(status, took) {
      inFlight.dec()
      requests.inc({ code: status })
      seconds.observe(took)
    },
    accepted(fresh, repeated) {
      if (fresh > 0) accepted.inc(fresh)
      if (repeated > 0) duplicates.inc(repeated)
    },
  }
}
