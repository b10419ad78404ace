import type { EventRef, JobRef } from '../../functions/queues/names.ts'

/** Which process a child object belongs to. */
export type Component = 'listener' | 'runner'

/** Names of labels and annotations. */
export const LABELS = {
  name: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  job: 'jobico.coeux.dev/job',
  event: 'jobico.coeux.dev/event',
  /** On ConfigMaps of users: `true` when their binaryData holds modules. */
  modules: 'jobico.coeux.dev/modules',
  /** On pods, so that `kubectl logs -levent=<name>` works. */
  podEvent: 'event',
  /** On pods: which streams they use. Those of 0.1.0 do not have it. */
  layout: 'jobico.coeux.dev/layout',
} as const

/** The value of the label `layout` for the two streams of this version. */
export const LAYOUT = '2'

/** Names of annotations. */
export const ANNOTATIONS = {
  /** On children: the hash of the desired object as it was last applied. */
  hash: 'jobico.coeux.dev/hash',
  /** On listeners and schema copies: the digest of the schema, `sha256-<hex>`. */
  schema: 'jobico.coeux.dev/schema',
  /** On runners: the digest of the module, `sha256-<hex>`. */
  module: 'jobico.coeux.dev/module',
  /** On runners whose module may emit into other events of its Job: `true`. */
  emits: 'jobico.coeux.dev/emits',
  /** On runners whose replicas were set once: `keda`, which owns them since. */
  replicas: 'jobico.coeux.dev/replicas',
  /** On schema copies: since when nothing has referred to them, RFC 3339. */
  unusedSince: 'jobico.coeux.dev/unused-since',
  /** On the Secret with the keys of NATS: what is asked for in a rotation, and how far it is. */
  rotation: 'jobico.coeux.dev/rotation',
} as const

/** The value of app.kubernetes.io/managed-by, and the field manager of everything that the operator applies. */
export const MANAGER = 'jobico-operator'

/** The label selector of all objects that the operator makes. */
export const OURS = `${LABELS.managedBy}=${MANAGER}`

/** The labels of a child of an event. */
export function childLabels({ job, event }: EventRef, component: Component): Record<string, string> {
  return {
    [LABELS.name]: 'jobico',
    [LABELS.component]: component,
    [LABELS.partOf]: 'jobico',
    [LABELS.managedBy]: MANAGER,
    [LABELS.job]: job,
    [LABELS.event]: event,
  }
}

/** The selector, as kubectl's `-l`, of all children of a Job. */
export function selectorOf({ job }: Pick<JobRef, 'job'>): string {
  return `${OURS},${LABELS.job}=${job}`
}
