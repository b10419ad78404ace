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

/** What makes a child the same as before: nobody made it anew, and nobody changed what it asks for. */
export interface Identity {
  readonly uid: string | undefined
  readonly hash: string | undefined
}

/** The children of a Job, found by label, as `<kind> <name>`; those that are going are not counted. */
export async function childrenOf(c: Case, job: string): Promise<ReadonlyMap<string, Identity>> {
  const lists = await Promise.all(
    CHILDREN.map(async (kind) => {
      const items = await c.list(kind, selectorOf({ job }))
      return (
        items
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
          // Knative hands our labels on to the Deployments that it makes of listeners.
          .filter((child) => controllerOf(child)?.kind === KINDS.job.kind)
          .map(({ metadata: { name, uid, annotations } }): [string, Identity] => [
            `${kind.kind} ${name}`,
            // The generation of a runner also changes with its replicas, which are KEDA's.
            { uid, hash: annotations?.[ANNOTATIONS.hash] },
          ])
      )
    }),
  )
  return new Map(lists.flat())
}

/** The names of a Job's children but for the copies of schemas, whose names carry a digest, in order. */
export async function childNames(c: Case, job: string): Promise<string[]> {
  const names = [...(await childrenOf(c, job)).keys()]
  return names.filter((name) => !name.startsWith(KINDS.configMap.kind)).sort()
}

/** The children that events of these names have. */
export function childrenFor(...events: readonly string[]): string[] {
  return events
    .flatMap((event) => [
      `Deployment runner-${event}`,
      `ScaledObject runner-${event}`,
      `Service listener-${event}`,
    ])
    .sort()
}
