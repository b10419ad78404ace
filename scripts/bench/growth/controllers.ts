import { setTimeout as delay } from 'node:timers/promises'

import { KubeError, type Kube } from '../../../knative/kube/client.ts'
import { KINDS, type Kind } from '../../../knative/kube/kinds.ts'
import type { Condition, KubeObject } from '../../../knative/kube/object.ts'
import { becomeReady, CONTROLLED_KINDS } from '../../testing/controllers.ts'

/** A kind that was defined just now may not be served yet, a version may be too old to go on from. */
const PASSING = [410, 429]
const AGAIN_MS = 500

/** Calls `onObject` for each object of a kind that is there, or that comes or changes, until the signal aborts. */
async function follow(
  kube: Kube,
  kind: Kind,
  onObject: (object: ReadyObject) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await listAndWatch(kube, kind, onObject, signal)
    } catch (fault) {
      if (!(fault instanceof KubeError) || !PASSING.includes(fault.status)) throw fault
      await delay(AGAIN_MS)
    }
  }
}

async function listAndWatch(
  kube: Kube,
  kind: Kind,
  onObject: (object: ReadyObject) => void,
  signal: AbortSignal,
): Promise<void> {
  const { items, resourceVersion } = await kube.list<ReadyObject>(kind, {})
  items.forEach(onObject)
  let version = resourceVersion
  while (!signal.aborted) {
    for await (const { type, object } of kube.watch<ReadyObject>(kind, {
      resourceVersion: version,
      signal,
    })) {
      version = object.metadata.resourceVersion ?? version
      if (type === 'ADDED' || type === 'MODIFIED') onObject(object)
    }
  }
}

/**
 * Does what the controllers of Knative, KEDA and Kubernetes do with what the operator makes, as far as the operator sees it:
 * says that each object is ready, once for each of its generations. Ends when the signal aborts.
 */
export async function makeReady(kube: Kube, signal: AbortSignal): Promise<void> {
  const faults: unknown[] = []
  await Promise.all(
    CONTROLLED_KINDS.map((kind) => {
      const told = new Map<string, number>()
      return follow(
        kube,
        kind,
        (object) => {
          const { uid = '', generation = 0 } = object.metadata
          if (told.get(uid) === generation) return
          told.set(uid, generation)
          becomeReady(kube, kind, object).catch((fault: unknown) => faults.push(fault))
        },
        signal,
      )
    }),
  )
  if (faults.length > 0) throw new AggregateError(faults, 'objects could not be made ready')
}

/** An object that may say whether it is ready. */
interface ReadyObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] }
}

/** Whether the operator says of a Job, in its present version, that it is ready. */
function isReady({ metadata, status }: ReadyObject): boolean {
  return (status?.conditions ?? []).some(
    (each) =>
      each.type === 'Ready' && each.status === 'True' && each.observedGeneration === metadata.generation,
  )
}

/** Calls `onReady` with the name of each Job that is ready, until the signal aborts. */
export async function followReady(
  kube: Kube,
  onReady: (namespace: string, name: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const onJob = (job: ReadyObject) => {
    if (isReady(job)) onReady(job.metadata.namespace ?? '', job.metadata.name)
  }
  await follow(kube, KINDS.job, onJob, signal)
}
