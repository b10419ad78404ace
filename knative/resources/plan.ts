import type { Job, JobEvent } from '../../crds/job.ts'

/** A schema that has passed its check, copied into an immutable ConfigMap of ours. */
export interface SchemaCopy {
  /** `sha256-<hex>` of its text. */
  readonly digest: string
  /** The name of the ConfigMap `listener-<e>-<hash>`; its data key is `schema.json`. */
  readonly configMap: string
}

/** Another event of the Job, and the schema that its data has to match. */
export interface NextEvent {
  readonly event: string
  readonly schema: SchemaCopy
}

/** Another event of the Job, which may have no schema that serves yet. */
export interface OtherEvent {
  readonly event: string
  readonly schema: SchemaCopy | undefined
}

/** Where the results of an event go, all references resolved. */
export type ResolvedOutput = NextEvent | { readonly sink: string }

/** A module that has passed its check. */
export interface ServedModule {
  /** `sha256-<hex>` in the module store. */
  readonly digest: string
  /** Whether it may emit into other events of its Job. */
  readonly emits: boolean
}

/** All that an event's listener is made of. */
export interface ListenerPlan {
  readonly job: Job
  readonly event: JobEvent
  readonly schema: SchemaCopy
}

/** All that an event's runner is made of. */
export interface RunnerPlan {
  readonly job: Job
  readonly event: JobEvent
  readonly module: ServedModule
  readonly output: ResolvedOutput | undefined
  /** The other events of the Job, of interest where the module emits. */
  readonly others: readonly OtherEvent[]
}

/** What all children share: the operator's settings. */
export interface Platform {
  /** The image of listeners and runners. */
  readonly image: string
  readonly natsUrl: string
  /** host:port of NATS's monitoring, as KEDA reaches it. */
  readonly natsMonitoring: string
  /** The NATS account that KEDA asks about; `$G` where there are no accounts. */
  readonly natsAccount: string
  readonly logLevel: string
}
