import type { Job, JobEvent } from '../../crds/job.ts'

/** A valid schema, copied into an immutable ConfigMap that the operator made. */
export interface SchemaCopy {
  /** `sha256-<hex>` of the schema's text. */
  readonly digest: string
  /** The name of the ConfigMap `listener-<e>-<hash>`; its data key is `schema.json`. */
  readonly configMap: string
}

/** Another event of the Job, and the schema that its data has to match. */
export interface NextEvent {
  readonly event: string
  readonly schema: SchemaCopy
}

/** Another event of the Job, which may have no valid schema yet. */
export interface OtherEvent {
  readonly event: string
  readonly schema: SchemaCopy | undefined
}

/** Where the results of an event go, with all references resolved. */
export type ResolvedOutput = NextEvent | { readonly sink: string }

/** A valid module in the module store. */
export interface ServedModule {
  /** `sha256-<hex>`, its name in the module store. */
  readonly digest: string
  /** Whether it may emit to other events of its Job. */
  readonly emits: boolean
}

/** Everything that the Knative Service of a listener is built from. */
export interface ListenerPlan {
  readonly job: Job
  readonly event: JobEvent
  readonly schema: SchemaCopy
}

/** Everything that the Deployment and the ScaledObject of a runner are built from. */
export interface RunnerPlan {
  readonly job: Job
  readonly event: JobEvent
  readonly module: ServedModule
  readonly output: ResolvedOutput | undefined
  /** The other events of the Job; used only if the module emits. */
  readonly others: readonly OtherEvent[]
}

/** The operator's settings, which are the same for all children. */
export interface Platform {
  /** The image of listeners and runners. */
  readonly image: string
  readonly natsUrl: string
  /** Whether pods connect to NATS with the credentials that the Secret `jobico-nats` of their namespace has. */
  readonly natsCredentials: boolean
  /** The `host:port` at which KEDA reaches the scaler. */
  readonly scalerAddress: string
  readonly logLevel: string
}
