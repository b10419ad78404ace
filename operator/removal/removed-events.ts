import { hasBacklog } from '../../functions/queues/backlog.ts'
import { removeConsumers } from '../../functions/queues/consumers.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import type { PodObject } from '../../knative/status/observed.ts'
import { isSchemaCopy } from './garbage-collection.ts'
import { jobRef, removeObjects, type RemovalDeps } from '../objects/remove-objects.ts'
import { isChildOf, type LiveJob, type Cluster } from '../watch/cluster-state.ts'

/**
 * Removes the children of events that were removed from the Job's spec: listeners at once; runners, schema copies and
 * consumers once nothing of the event is pending and nothing can add to it. Gives the events that have to wait for that, as
 * those do that are `waitingInOld`: in the streams of version 0.1.0.
 * Throws KubeError, and QUEUE_UNAVAILABLE without NATS.
 */
export async function cleanUpRemovedEvents(
  deps: RemovalDeps,
  job: LiveJob,
  current: ReadonlySet<string>,
  waitingInOld: ReadonlySet<string>,
): Promise<readonly string[]> {
  const { cluster, kube } = deps
  const removedAmong = <T extends KubeObject>(children: readonly T[]) =>
    children.filter((child) => !current.has(eventOf(child)) && isChildOf(child, job))
  const { namespace } = job.metadata
  await removeObjects(kube, KINDS.knativeService, removedAmong(cluster.services.list(namespace)))
  const scaledObjects = removedAmong(cluster.scaledObjects.list(namespace))
  const deployments = removedAmong(cluster.deployments.list(namespace))
  const copies = removedAmong(cluster.configMaps.list(namespace)).filter(isSchemaCopy)
  const events = [...new Set([...scaledObjects, ...deployments, ...copies].map(eventOf))].sort()
  const withBacklog = new Set([...(await eventsWithBacklog(deps, job, events)), ...waitingInOld])
  const runners = activeRunners(cluster, job, (event) => current.has(event) || withBacklog.has(event))
  const waiting: string[] = []
  for (const event of events) {
    const ofEvent = (child: KubeObject) => eventOf(child) === event
    const isFed = hasRunningSource(cluster, job, event) || runners.some((pod) => handsOverTo(pod, event))
    if (withBacklog.has(event) || isFed) waiting.push(event)
    else {
      await removeObjects(kube, KINDS.scaledObject, scaledObjects.filter(ofEvent))
      await removeObjects(kube, KINDS.deployment, deployments.filter(ofEvent))
      // A Job that has the event now may need to create a copy of this very name.
      await removeObjects(kube, KINDS.configMap, copies.filter(ofEvent))
      await removeConsumers(await deps.nats.open(jobRef(job).namespace), jobRef(job), event)
    }
  }
  return waiting
}

async function eventsWithBacklog(
  { nats }: RemovalDeps,
  job: LiveJob,
  events: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const ref = jobRef(job)
  for (const event of events)
    if (await hasBacklog(await nats.open(ref.namespace), ref, event)) found.add(event)
  return found
}

/** Whether a pod of the Job may still add events: a listener with requests in flight, or a runner that hands over to it. */
function hasRunningSource({ pods }: Cluster, job: LiveJob, event: string): boolean {
  return pods
    .list(job.metadata.namespace)
    .filter(({ metadata }) => metadata.labels?.[LABELS.job] === job.metadata.name)
    .some((pod) => isListenerOf(pod, event) || handsOverTo(pod.spec, event))
}

/**
 * The pod specs of runners that may start from zero at any time: those of the Job's events, whose Deployment may still be an
 * earlier version because the next one has a fault, and those of removed events with a backlog.
 */
function activeRunners({ deployments }: Cluster, job: LiveJob, isActive: (event: string) => boolean) {
  return deployments
    .list(job.metadata.namespace)
    .filter((child) => isChildOf(child, job) && isActive(eventOf(child)))
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
