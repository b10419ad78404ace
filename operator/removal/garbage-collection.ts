import { isDigest } from '../../functions/modules/digest.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, LABELS, MANAGER, OURS } from '../../knative/resources/labels.ts'
import type { RemovalDeps } from '../objects/remove-objects.ts'
import { markAndSweep } from './mark-and-sweep.ts'
import type { Cluster } from '../watch/cluster.ts'

const ROUTING_STATE = 'serving.knative.dev/routingState'
/** A push that has stored nothing for so long is broken off. */
const BROKEN_OFF_MS = 3_600_000

/** An object whose pods have volumes: a Deployment, a Knative Service or, without a template, a Revision. */
interface Volumed extends KubeObject {
  readonly spec?: PodSpec & { readonly template?: { readonly spec?: PodSpec } }
}

interface PodSpec {
  readonly volumes?: readonly { readonly configMap?: { readonly name?: string } }[]
}

/** Removes the copies of schemas and modules that nothing has pointed to for a day, and what broken-off pushes left. Throws KubeError, and QUEUE_UNAVAILABLE. */
export async function collectUnusedCopies(deps: RemovalDeps, now: Date): Promise<void> {
  const { cluster: cluster } = deps
  const objects: readonly KubeObject[] = [
    ...cluster.jobs.list(),
    ...cluster.configMaps.list().filter(isSchemaCopy),
  ]
  for (const namespace of new Set(objects.map(({ metadata }) => metadata.namespace ?? ''))) {
    await collectSchemas(deps, namespace, now)
    await collectModules(deps, namespace, now)
  }
}

async function collectSchemas(
  { kube, cluster: cluster }: RemovalDeps,
  namespace: string,
  now: Date,
): Promise<void> {
  const copies = cluster.configMaps.list(namespace).filter(isSchemaCopy)
  if (copies.length === 0) return
  const used = new Set(await schemasInUse(kube, cluster, namespace))
  const { mark, unmark, remove } = markAndSweep(
    copies.map(({ metadata: { name, annotations } }) => ({
      name,
      unusedSince: annotations?.[ANNOTATIONS.unusedSince],
    })),
    used,
    now,
  )
  const note = (name: string, since: string | null) =>
    kube.patch(
      KINDS.configMap,
      { namespace, name },
      {
        metadata: { annotations: { [ANNOTATIONS.unusedSince]: since } },
      },
    )
  for (const name of mark) await note(name, now.toISOString())
  for (const name of unmark) await note(name, null)
  for (const name of remove) await kube.remove(KINDS.configMap, { namespace, name })
}

async function collectModules(
  { cluster: cluster, nats }: RemovalDeps,
  namespace: string,
  now: Date,
): Promise<void> {
  const store = await openModuleStore(nats.use(), namespace)
  const copies = (await store.list()).filter(({ name }) => isDigest(name))
  const { mark, unmark, remove } = markAndSweep(copies, new Set(modulesInUse(cluster, namespace)), now)
  for (const name of mark) await store.markUnused(name, now.toISOString())
  for (const name of unmark) await store.markUnused(name, undefined)
  for (const name of remove) await store.remove(name)
  await store.removeLeftovers(new Date(now.getTime() - BROKEN_OFF_MS))
}

/** Whether a ConfigMap is a copy of a schema that the operator made. */
export function isSchemaCopy({ metadata: { labels, annotations } }: KubeObject): boolean {
  return labels?.[LABELS.managedBy] === MANAGER && annotations?.[ANNOTATIONS.schema] !== undefined
}

/** A Revision that is not in reserve may be started from zero at any time, also one that a newer one was to replace. */
async function schemasInUse(kube: Kube, cluster: Cluster, namespace: string): Promise<string[]> {
  const { items } = await kube.list<Volumed>(KINDS.revision, { namespace, labels: OURS })
  const revisions = items.filter(({ metadata }) => metadata.labels?.[ROUTING_STATE] !== 'reserve')
  const children: readonly KubeObject[] = [
    ...cluster.services.list(namespace),
    ...cluster.deployments.list(namespace),
  ]
  return [...(children as readonly Volumed[]), ...revisions].flatMap(({ spec }) =>
    [...(spec?.volumes ?? []), ...(spec?.template?.spec?.volumes ?? [])].flatMap(({ configMap }) =>
      configMap?.name === undefined ? [] : [configMap.name],
    ),
  )
}

function modulesInUse(cluster: Cluster, namespace: string): string[] {
  const running = cluster.deployments
    .list(namespace)
    .map(({ metadata }) => metadata.annotations?.[ANNOTATIONS.module] ?? '')
  const told = cluster.jobs.list(namespace).flatMap(({ status }) => status?.events ?? [])
  return [...running, ...told.map(({ module }) => module ?? '')]
}
