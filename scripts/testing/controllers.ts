import type { Kube } from '../../knative/kube/client.ts'
import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'

/** The kinds of the operator's objects that other controllers make ready: those of Knative, of KEDA and of Kubernetes. */
export const CONTROLLED_KINDS: readonly Kind[] = [KINDS.knativeService, KINDS.scaledObject, KINDS.deployment]
const MANAGER = { manager: 'their-controller', force: true, subresource: 'status' } as const

/** Writes the status of an object of CONTROLLED_KINDS as its controller does once the object is ready. */
export async function becomeReady(kube: Kube, kind: Kind, object: KubeObject): Promise<void> {
  const { namespace, name } = object.metadata
  const { apiVersion, kind: kindName } = kind
  const status = readyStatus(kind, object)
  await kube.apply(kind, { apiVersion, kind: kindName, metadata: { namespace, name }, status }, MANAGER)
}

function readyStatus(kind: Kind, { metadata: { namespace = '', name, generation } }: KubeObject): object {
  const observed = { observedGeneration: generation }
  if (kind === KINDS.deployment) return observed
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: '' }
  const conditions = { ...observed, conditions: [ready] }
  if (kind === KINDS.scaledObject) return conditions
  return {
    ...conditions,
    url: `http://${name}.${namespace}.example.com`,
    latestReadyRevisionName: `${name}-00001`,
    latestCreatedRevisionName: `${name}-00001`,
  }
}
