import { KubeError, type Kube } from '../../knative/kube/client.ts'
import type { Kind } from '../../knative/kube/kinds.ts'
import { controllerOf, type KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, MANAGER } from '../../knative/resources/labels.ts'
import { covers } from '../../knative/resources/hash.ts'
import { unsure, wrong, type Fault } from '../faults/fault.ts'
import type { LiveJob } from '../watch/cluster.ts'

/** A child that is to be as desired. */
export interface Wanted<T extends KubeObject> {
  readonly kind: Kind
  /** With its hash. */
  readonly desired: KubeObject
  /** As the cache has it. */
  readonly cached: T | undefined
  /** What to make it as where it is not there yet; as desired by default. */
  readonly creation?: KubeObject
  /** What must go before it can be made. */
  readonly obstacle?: () => Promise<Fault | undefined>
  /** Only its metadata is known, as for immutable objects. */
  readonly metadataOnly?: boolean
}

/** The child as it is now, or why it can't be as desired. */
export type Applied<T> = { readonly live: T } | { readonly fault: Fault }

/**
 * Brings a child of a Job to what is desired, and writes only where it is not. What has the name and is not the Job's is left
 * alone, and a fault; so is what the API server refuses. Throws KubeError when it can't be reached.
 */
export async function applyChild<T extends KubeObject>(
  kube: Kube,
  job: LiveJob,
  { kind, desired, creation, cached, obstacle, metadataOnly }: Wanted<T>,
): Promise<Applied<T>> {
  const { namespace = '', name } = desired.metadata
  const live = cached ?? (await kube.get<T>(kind, { namespace, name }))
  const fault = live === undefined ? await obstacle?.() : ownershipFault(kind, live, job)
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

/** A refusal by the API server as a fault; what is no refusal is thrown again. */
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
      : unsure('Replacing', `the ${kind} ${name} is being removed, and is made again then`)
  if (owner?.kind !== job.kind || owner.apiVersion !== job.apiVersion)
    return wrong(
      'NameTaken',
      `there is a ${kind} ${name} that is not Jobico's, and it is left alone; remove it or give it another name, or rename the event`,
    )
  if (owner.name === job.metadata.name)
    return unsure('Replacing', `the ${kind} ${name} belongs to a deleted Job of this name, and goes with it`)
  return wrong(
    'EventTaken',
    `the ${kind} ${name} belongs to the Job ${owner.name}, which has the event, or works off what it has of it`,
  )
}
