import { KINDS, type Kind } from '../../knative/kube/kinds.ts'
import { controllerOf } from '../../knative/kube/object.ts'
import { ANNOTATIONS, selectorOf } from '../../knative/resources/labels.ts'
import type { Case } from './case.fixture.ts'

const CHILDREN: readonly Kind[] = [
  KINDS.knativeService,
  KINDS.deployment,
  KINDS.scaledObject,
  KINDS.configMap,
]

/** Two children with the same identity are the same object with the same spec. */
export interface Identity {
  readonly uid: string | undefined
  readonly hash: string | undefined
}

/** The children of a Job, found by label, by `<kind> <name>`; without those that are being deleted. */
export async function childrenOf(c: Case, job: string): Promise<ReadonlyMap<string, Identity>> {
  const lists = await Promise.all(
    CHILDREN.map(async (kind) => {
      const items = await c.list(kind, selectorOf({ job }))
      return (
        items
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
          // Knative copies our labels to the Deployments that it makes of listeners.
          .filter((child) => controllerOf(child)?.kind === KINDS.job.kind)
          .map(({ metadata: { name, uid, annotations } }): [string, Identity] => [
            `${kind.kind} ${name}`,
            // Not the generation: a runner's also changes when KEDA changes its replicas.
            { uid, hash: annotations?.[ANNOTATIONS.hash] },
          ])
      )
    }),
  )
  return new Map(lists.flat())
}

/** The sorted names of a Job's children, without the copies of schemas, whose names contain a digest. */
export async function childNames(c: Case, job: string): Promise<string[]> {
  const names = [...(await childrenOf(c, job)).keys()]
  return names.filter((name) => !name.startsWith(KINDS.configMap.kind)).sort()
}

/** The names of the children that these events have, sorted. */
export function childrenFor(...events: readonly string[]): string[] {
  return events
    .flatMap((event) => [
      `Deployment runner-${event}`,
      `ScaledObject runner-${event}`,
      `Service listener-${event}`,
    ])
    .sort()
}
