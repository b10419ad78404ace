import { isDigest } from '../../functions/modules/digest.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, LABELS, MANAGER, OURS } from '../../knative/resources/labels.ts'
import { eachNamespace } from '../each-namespace.ts'
import type { RemovalDeps } from '../objects/remove-objects.ts'
import { markAndSweep } from './mark-and-sweep.ts'
import type { Cluster } from '../watch/cluster-state.ts'

const ROUTING_STATE = 'serving.knative.dev/routingState'
/** A push that has stored nothing for this long is taken as aborted. */
const ABORTED_PUSH_MS = 3_600_000

/** An object that defines the volumes of pods: a Deployment, a Knative Service or, without a template, a Revision. */
interface Volumed extends KubeObject {
  readonly spec?: PodSpec & { readonly template?: { readonly spec?: PodSpec } }
}

interface PodSpec {
  readonly volumes?: readonly { readonly configMap?: { readonly name?: string } }[]
}

/**
 * Removes copies of schemas and modules that nothing has referred to for a day, and what aborted pushes have left. Throws
 * KubeError, and QUEUE_UNAVAILABLE.
 */
export async function collectUnusedCopies(deps: RemovalDeps, now: Date): Promise<void> {
  const { cluster } = deps
  const objects: readonly KubeObject[] = [
    ...cluster.jobs.list(),
    ...cluster.configMaps.list().filter(isSchemaCopy),
  ]
  const namespaces = new Set(objects.map(({ metadata }) => metadata.namespace ?? ''))
  await eachNamespace(namespaces, async (namespace) => {
    await collectSchemas(deps, namespace, now)
    await collectModules(deps, namespace, now)
  })
}

async function collectSchemas({ kube, cluster }: RemovalDeps, namespace: string, now: Date): Promise<void> {
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
  const setUnusedSince = (name: string, since: string | null) =>
    kube.patch(
      KINDS.configMap,
      { namespace, name },
      { metadata: { annotations: { [ANNOTATIONS.unusedSince]: since } } },
    )
  for (const name of mark) await setUnusedSince(name, now.toISOString())
  for (const name of unmark) await setUnusedSince(name, null)
  for (const name of remove) await kube.remove(KINDS.configMap, { namespace, name })
}

async function collectModules({ cluster, nats }: RemovalDeps, namespace: string, now: Date): Promise<void> {
  const store = await openModuleStore(await nats.open(namespace), namespace)
  const copies = (await store.list()).filter(({ name }) => isDigest(name))
  const { mark, unmark, remove } = markAndSweep(copies, new Set(modulesInUse(cluster, namespace)), now)
  for (const name of mark) await store.markUnused(name, now.toISOString())
  for (const name of unmark) await store.markUnused(name, undefined)
  for (const name of remove) await store.remove(name)
  await store.removeLeftovers(new Date(now.getTime() - ABORTED_PUSH_MS))
}

/** Whether a ConfigMap is a schema copy, made by the operator. */
export function isSchemaCopy({ metadata: { labels, annotations } }: KubeObject): boolean {
  return labels?.[LABELS.managedBy] === MANAGER && annotations?.[ANNOTATIONS.schema] !== undefined
}

/** Counts Revisions too: one that is not in reserve may start a pod at any time, even if a newer one is to replace it. */
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
  const reported = cluster.jobs.list(namespace).flatMap(({ status }) => status?.events ?? [])
  return [...running, ...reported.map(({ module }) => module ?? '')]
}
