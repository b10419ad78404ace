import type { Job } from '../../../crds/job.ts'

/** An event that runs a module. */
export interface Use {
  readonly job: string
  readonly event: string
  /** A Kubernetes quantity, such as 64Mi. */
  readonly memory: string
}

/** The events that run the module of this name. Pure. */
export function usesOf(name: string, jobs: readonly Job[]): readonly Use[] {
  return jobs.flatMap(({ metadata, spec }) =>
    spec.events
      .filter(({ wasm }) => wasm === name)
      .map((event) => ({ job: metadata.name, event: event.name, memory: event.memory })),
  )
}
