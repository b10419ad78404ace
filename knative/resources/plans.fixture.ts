import type { Job, JobEvent } from '../../crds/job.ts'
import type { Platform, SchemaCopy, ServedModule } from './plan.ts'

/** An event with the defaults of the API server, and with the changes of a test. */
export function eventOf(changes: Partial<JobEvent> = {}): JobEvent {
  return {
    name: 'ev1',
    wasm: 'echo.wasm',
    schema: { key: 'schema-ev1' },
    timeoutSeconds: 10,
    memory: '64Mi',
    env: [],
    retry: { maxAttempts: 5, minDelaySeconds: 1, maxDelaySeconds: 300 },
    runner: { minReplicas: 0, maxReplicas: 10, concurrency: 4, cooldownSeconds: 60 },
    listener: { minReplicas: 0, maxReplicas: 10, visibility: 'Public' },
    ...changes,
  }
}

/** A Job with these events, with the defaults of the API server. */
export function jobOf(...events: JobEvent[]): Job {
  return {
    apiVersion: 'jobico.coeux.dev/v1',
    kind: 'Job',
    metadata: { name: 'orders', namespace: 'shop', uid: '6f1b2c1e-0000-4000-8000-000000000001' },
    spec: {
      events,
      queue: {
        storage: 'File',
        maxBytes: '256Mi',
        duplicateWindowSeconds: 120,
        doneRetentionSeconds: 86_400,
        deadRetentionSeconds: 2_592_000,
      },
    },
  }
}

/** The settings of an operator. */
export const PLATFORM: Platform = {
  image: 'registry.example/jobico:1.2.3',
  natsUrl: 'nats://nats.jobico-system.svc.cluster.local:4222',
  natsCredentials: true,
  scalerAddress: 'jobico-scaler.jobico-system.svc:9090',
  logLevel: 'info',
}

/** The copy of a schema. */
export const SCHEMA: SchemaCopy = {
  digest: `sha256-${'ab'.repeat(32)}`,
  configMap: 'listener-ev1-ababababab',
}

/** The digest of a module. */
export const MODULE: ServedModule = { digest: `sha256-${'cd'.repeat(32)}`, emits: false }
