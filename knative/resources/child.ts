import type { Job, JobEvent } from '../../crds/job.ts'
import type { EventRef } from '../../functions/queues/names.ts'
import type { ObjectMeta, OwnerReference } from '../kube/object.ts'
import { childLabels, type Component } from './labels.ts'

/** The namespace, the Job and the name of an event. A Job without a namespace is in `default`, as for kubectl. */
export function eventRef({ metadata }: Job, { name }: JobEvent): EventRef {
  return { namespace: metadata.namespace ?? 'default', job: metadata.name, event: name }
}

/** The owner reference to a Job, so that its children are deleted with it. Throws a TypeError when the Job has no uid. */
export function ownerReference({ apiVersion, kind, metadata: { name, uid } }: Job): OwnerReference {
  if (uid === undefined) throw new TypeError(`the Job ${name} has no uid yet; read it from the API server`)
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}

/** The metadata in which one child differs from another. */
export interface ChildTraits {
  readonly component: Component
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** The metadata of a child of an event: in the Job's namespace, with its labels, and controlled by it. */
export function childMetadata(job: Job, event: JobEvent, traits: ChildTraits): ObjectMeta {
  const { component, name, labels, annotations } = traits
  const ref = eventRef(job, event)
  return {
    name,
    namespace: ref.namespace,
    labels: { ...childLabels(ref, component), ...labels },
    ...(annotations === undefined ? {} : { annotations }),
    ownerReferences: [ownerReference(job)],
  }
}
