import { admitJob } from '../crds/admission.ts'
import type { LiveJob } from './watch/cluster-state.ts'

/** The fields of a Job that a test sets; the rest gets the defaults of the API server. */
export interface JobTraits {
  readonly name: string
  readonly namespace?: string
  readonly events: readonly string[]
  readonly created?: string
  readonly deleted?: string
}

/** A Job as the API server returns it, with all defaults; its uid is `uid-<name>`. */
export function liveJob({ name, namespace = 'shop', events, created, deleted }: JobTraits): LiveJob {
  const admission = admitJob({
    apiVersion: 'jobico.coeux.dev/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: { events: events.map((event) => ({ name: event, wasm: `${event}.wasm`, schema: { key: event } })) },
  })
  if (!('job' in admission)) throw new Error(JSON.stringify(admission.faults))
  const { job } = admission
  const metadata = {
    ...job.metadata,
    uid: `uid-${name}`,
    generation: 3,
    creationTimestamp: created ?? '2026-01-01T00:00:00Z',
    ...(deleted === undefined ? {} : { deletionTimestamp: deleted }),
  }
  return { ...job, metadata }
}
