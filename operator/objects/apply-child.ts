import { KubeError, type Kube } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import { controllerOf, type KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, MANAGER } from '../../knative/resources/labels.ts'
import { covers } from '../../knative/resources/hash.ts'
import { unsure, wrong, type Fault } from '../faults/fault.ts'
import type { LiveJob } from '../watch/cluster-state.ts'

/** A child object of a Job, and how it is to be. */
export interface Wanted<T extends KubeObject> {
  readonly kind: Kind
  /** The desired object, with its hash annotation. */
  readonly desired: KubeObject
  /** The object in the cache, if it is there. */
  readonly cached: T | undefined
  /** The object to create if there is none yet; `desired` by default. */
  readonly creation?: KubeObject
  /** Why the object can't be created yet, if it can't; asked only when there is none. */
  readonly creationFault?: () => Promise<Fault | undefined>
  /** Compares the metadata alone: for immutable objects, of which the cache has only that. */
  readonly metadataOnly?: boolean
}

/** The child as the API server has it now, or why it could not be applied. */
export type Applied<T> = { readonly live: T } | { readonly fault: Fault }

/**
 * Applies a child of a Job, unless it is as desired already. Gives a fault when an object of this name does not belong to
 * the Job, which is left alone, and when the API server refuses the object. Throws KubeError when it can't be reached.
 */
export async function applyChild<T extends KubeObject>(
  kube: Kube,
  job: LiveJob,
  { kind, desired, creation, cached, creationFault, metadataOnly }: Wanted<T>,
): Promise<Applied<T>> {
  const { namespace = '', name } = desired.metadata
  const live = cached ?? (await kube.get<T>(kind, { namespace, name }))
  const fault = live === undefined ? await creationFault?.() : ownershipFault(kind, live, job)
  if (fault !== undefined) return { fault }
  if (live === undefined) return await write(kube, kind, creation ?? desired, false)
  if (isAsDesired(live, metadataOnly ? { metadata: desired.metadata } : desired)) return { live }
  return await write(kube, kind, desired, true)
}

async function write<T extends KubeObject>(
  kube: Kube,
  kind: Kind,
  object: KubeObject,
  force: boolean,
): Promise<Applied<T>> {
  try {
    return { live: await kube.apply<T>(kind, object, { manager: MANAGER, force }) }
  } catch (thrown) {
    return { fault: refusal(kind, object.metadata.name, thrown) }
  }
}

/** The fault of an apply that the API server refused: a 4xx but 409 and 429. Anything else is thrown again. */
export function refusal(kind: Kind, name: string, thrown: unknown): Fault {
  if (!(thrown instanceof KubeError) || !isRefusal(thrown)) throw thrown
  return wrong('Refused', `the API server refused the ${kind.kind} ${name}: ${thrown.message}`)
}

function isRefusal({ status }: KubeError): boolean {
  return status >= 400 && status < 500 && status !== 409 && status !== 429
}

function isAsDesired(live: KubeObject, desired: { readonly metadata: KubeObject['metadata'] }): boolean {
  const hash = desired.metadata.annotations?.[ANNOTATIONS.hash]
  return live.metadata.annotations?.[ANNOTATIONS.hash] === hash && covers(live, desired)
}

function ownershipFault({ kind }: Kind, live: KubeObject, job: LiveJob): Fault | undefined {
  const { name, deletionTimestamp } = live.metadata
  const owner = controllerOf(live)
  if (owner?.uid === job.metadata.uid)
    return deletionTimestamp === undefined
      ? undefined
      : unsure('Replacing', `the ${kind} ${name} is being deleted, and is created again after that`)
  if (owner?.kind !== job.kind || owner.apiVersion !== job.apiVersion)
    return wrong(
      'NameTaken',
      `there is a ${kind} ${name} that is not Jobico's, and it is left alone; remove it or give it another name, or rename the event`,
    )
  if (owner.name === job.metadata.name)
    return unsure(
      'Replacing',
      `the ${kind} ${name} belongs to a deleted Job of this name, and is deleted with it`,
    )
  return wrong(
    'EventTaken',
    `the ${kind} ${name} belongs to the Job ${owner.name}, which has the event or still works off its backlog`,
  )
}
