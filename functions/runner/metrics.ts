import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { Report } from './report.ts'

/** The figures of a runner. */
export interface RunnerMetrics {
  readonly registry: Registry
  report(report: Report): void
}

/** Makes the figures; `inHand` tells how many events this process holds. */
export function createRunnerMetrics(inHand: () => number): RunnerMetrics {
  const registry = new Registry()
  const registers = [registry]
  const outcomes = new Counter({
    name: 'jobico_runner_events_total',
    help: 'Events by what became of them: done, retried, dead, known, superseded or handed-back.',
    labelNames: ['outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'jobico_runner_execution_seconds',
    help: 'How long executions took that ended well.',
    buckets: [0.001, 0.01, 0.1, 1, 10, 60, 600],
    registers,
  })
  new Gauge({
    name: 'jobico_runner_events_in_hand',
    help: 'Events that this runner holds.',
    registers,
    collect() {
      this.set(inHand())
    },
  })
  return {
    registry,
    report(report) {
      outcomes.inc({ outcome: report.kind })
      if (report.kind === 'done') seconds.observe(report.durationMs / 1_000)
    },
  }
}
