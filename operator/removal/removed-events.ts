import { hasBacklog } from '../../functions/queues/backlog.ts'
import { removeConsumers } from '../../functions/queues/lifecycle.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import type { PodObject } from '../../knative/status/observed.ts'
import { isSchemaCopy } from './garbage-collection.ts'
import { jobRef, removeObjects, type RemovalDeps } from '../objects/remove-objects.ts'
import { isChildOf, type LiveJob, type Cluster } from '../watch/cluster.ts'

/**
 * Removes what serves events that are no longer the Job's: listeners at once, runners, copies of schemas and consumers when
 * nothing of the event waits any more. Answers which events still have a backlog. Throws KubeError, and QUEUE_UNAVAILABLE without NATS.
 */
export async function cleanUpRemovedEvents(
  deps: RemovalDeps,
  job: LiveJob,
  staying: ReadonlySet<string>,
): Promise<readonly string[]> {
  const { cluster: cluster, kube } = deps
  const isLeaving = (child: KubeObject) => !staying.has(eventOf(child)) && isChildOf(child, job)
  const leavingOf = <T extends KubeObject>(children: readonly T[]) => children.filter(isLeaving)
  const { namespace } = job.metadata
  await removeObjects(kube, KINDS.knativeService, leavingOf(cluster.services.list(namespace)))
  const scaledObjects = leavingOf(cluster.scaledObjects.list(namespace))
  const deployments = leavingOf(cluster.deployments.list(namespace))
  const copies = leavingOf(cluster.configMaps.list(namespace)).filter(isSchemaCopy)
  const events = [...new Set([...scaledObjects, ...deployments, ...copies].map(eventOf))].sort()
  const busy = await withBacklog(deps, job, events)
  const runners = runnersAtWork(cluster, job, (event) => staying.has(event) || busy.has(event))
  const waiting: string[] = []
  for (const event of events) {
    const ofEvent = (child: KubeObject) => eventOf(child) === event
    if (busy.has(event) || hasSource(cluster, job, event) || runners.some((pod) => handsOverTo(pod, event)))
      waiting.push(event)
    else {
      await removeObjects(kube, KINDS.scaledObject, scaledObjects.filter(ofEvent))
      await removeObjects(kube, KINDS.deployment, deployments.filter(ofEvent))
      // Another Job that has the event now may need a copy of this very name.
      await removeObjects(kube, KINDS.configMap, copies.filter(ofEvent))
      await removeConsumers(deps.nats.use(), jobRef(job), event)
    }
  }
  return waiting
}

async function withBacklog(
  { nats }: RemovalDeps,
  job: LiveJob,
  events: readonly string[],
): Promise<ReadonlySet<string>> {
  const busy = new Set<string>()
  for (const event of events) if (await hasBacklog(nats.use(), jobRef(job), event)) busy.add(event)
  return busy
}

/** A listener that is ending may still store what it has in hand, and a runner hand results over. */
function hasSource({ pods }: Cluster, job: LiveJob, event: string): boolean {
  return pods
    .list(job.metadata.namespace)
    .filter(({ metadata }) => metadata.labels?.[LABELS.job] === job.metadata.name)
    .some((pod) => isListenerOf(pod, event) || handsOverTo(pod.spec, event))
}

/**
 * What the pods of runners would be that may start from zero at any time: those of events that stay, where a version before may
 * serve on since the next one can't be made, and of those that leave with a backlog.
 */
function runnersAtWork({ deployments }: Cluster, job: LiveJob, isAtWork: (event: string) => boolean) {
  return deployments
    .list(job.metadata.namespace)
    .filter((child) => isChildOf(child, job) && isAtWork(eventOf(child)))
    .map(({ spec }) => spec?.template?.spec)
}

function isListenerOf({ metadata: { labels = {} } }: KubeObject, event: string): boolean {
  return labels[LABELS.component] === 'listener' && labels[LABELS.event] === event
}

function handsOverTo(spec: PodObject['spec'], event: string): boolean {
  const env = spec?.containers?.flatMap((container) => container.env ?? []) ?? []
  const mentions = new Map([
    ['JOBICO_OUTPUT', `"event":"${event}"`],
    ['JOBICO_EMIT', `"${event}":`],
  ])
  return env.some(({ name, value = '' }) => {
    const mention = mentions.get(name)
    return mention !== undefined && value.includes(mention)
  })
}

function eventOf({ metadata }: KubeObject): string {
  return metadata.labels?.[LABELS.event] ?? ''
}
