import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { Report } from './attempt-report.ts'

/** The metrics of a runner. */
export interface RunnerMetrics {
  readonly registry: Registry
  report(report: Report): void
}

/** Makes the metrics; `inFlight` gives the number of events that this process has in flight. */
export function createRunnerMetrics(inFlight: () => number): RunnerMetrics {
  const registry = new Registry()
  const registers = [registry]
  const outcomes = new Counter({
    name: 'jobico_runner_events_total',
    help: 'Events by what became of them: done, retried, dead, waits, late, known, superseded or handed-back.',
    labelNames: ['outcome'],
    registers,
  })
  const dead = new Counter({
    name: 'jobico_runner_dead_letters_total',
    help: 'Dead letters by the code with which the event died; MESSAGE_UNREADABLE for a message that is no event to this version.',
    labelNames: ['code'],
    registers,
  })
  const seconds = new Histogram({
    name: 'jobico_runner_execution_seconds',
    help: 'How long successful executions took.',
    buckets: [0.001, 0.01, 0.1, 1, 10, 60, 600],
    registers,
  })
  new Gauge({
    name: 'jobico_runner_events_in_hand',
    help: 'Events that this runner has in flight.',
    registers,
    collect() {
      this.set(inFlight())
    },
  })
  return {
    registry,
    report(report) {
      outcomes.inc({ outcome: report.kind })
      if (report.kind === 'dead') dead.inc({ code: report.fault.code })
      if (report.kind === 'done') seconds.observe(report.durationMs / 1_000)
    },
  }
}
