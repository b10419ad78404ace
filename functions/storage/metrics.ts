import { Gauge, type Registry } from 'prom-client'

import { usedRatio, type StorageReport } from './report.ts'

/** Adds the metric of how full the disks of the NATS servers are, as far as their guards have said. */
export function storageGauge(registry: Registry, reports: () => readonly StorageReport[]): void {
  new Gauge({
    name: 'jobico_storage_used_ratio',
    help: 'The used share of the disk of a NATS server, from 0 to 1.',
    labelNames: ['server'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { server, usage } of reports()) this.set({ server }, usedRatio(usage))
    },
  })
}
