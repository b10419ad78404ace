import type { Job } from '../../../crds/job.ts'

/** An event that runs a module. */
export interface Use {
  readonly job: string
  readonly event: string
  /** As Kubernetes writes quantities. */
  readonly memory: string
}

/** The events that run the module of a name. Pure. */
export function usesOf(name: string, jobs: readonly Job[]): readonly Use[] {
  return jobs.flatMap(({ metadata, spec }) =>
    spec.events
      .filter(({ wasm }) => wasm === name)
      .map((event) => ({ job: metadata.name, event: event.name, memory: event.memory })),
  )
}
