import { hasBacklog } from '../functions/shared/backlog.ts'
import { removeConsumers } from '../functions/shared/queues.ts'
import { KINDS } from '../knative/kube/kinds.ts'
import type { KubeObject } from '../knative/kube/object.ts'
import { LABELS } from '../knative/labels.ts'
import type { PodObject } from '../knative/observed.ts'
import { isChildOf } from './children.ts'
import { isSchemaCopy } from './copies.ts'
import { refOf, removeAll, type RemovalDeps } from './removal.ts'
import type { LiveJob, World } from './world.ts'

/**
 * Removes what serves events that are no longer the Job's: listeners at once, runners, copies of schemas and consumers when
 * nothing of the event waits any more. Answers which events still have a backlog. Throws KubeError, and QUEUE_UNAVAILABLE without NATS.
 */
export async function removeLeaving(
  deps: RemovalDeps,
  job: LiveJob,
  staying: ReadonlySet<string>,
): Promise<readonly string[]> {
  const { world, kube } = deps
  const isLeaving = (child: KubeObject) => !staying.has(eventOf(child)) && isChildOf(child, job)
  const leavingOf = <T extends KubeObject>(children: readonly T[]) => children.filter(isLeaving)
  const { namespace } = job.metadata
  await removeAll(kube, KINDS.knativeService, leavingOf(world.services.list(namespace)))
  const scaledObjects = leavingOf(world.scaledObjects.list(namespace))
  const deployments = leavingOf(world.deployments.list(namespace))
  const copies = leavingOf(world.configMaps.list(namespace)).filter(isSchemaCopy)
  const events = [...new Set([...scaledObjects, ...deployments, ...copies].map(eventOf))].sort()
  const busy = await withBacklog(deps, job, events)
  const runners = runnersAtWork(world, job, (event) => staying.has(event) || busy.has(event))
  const waiting: string[] = []
  for (const event of events) {
    const ofEvent = (child: KubeObject) => eventOf(child) === event
    if (busy.has(event) || hasSource(world, job, event) || runners.some((pod) => handsOverTo(pod, event)))
      waiting.push(event)
    else {
      await removeAll(kube, KINDS.scaledObject, scaledObjects.filter(ofEvent))
      await removeAll(kube, KINDS.deployment, deployments.filter(ofEvent))
      // Another Job that has the event now may need a copy of this very name.
      await removeAll(kube, KINDS.configMap, copies.filter(ofEvent))
      await removeConsumers(deps.nats.use(), refOf(job), event)
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
  for (const event of events) if (await hasBacklog(nats.use(), refOf(job), event)) busy.add(event)
  return busy
}

/** A listener that is ending may still store what it has in hand, and a runner hand results over. */
function hasSource({ pods }: World, job: LiveJob, event: string): boolean {
  return pods
    .list(job.metadata.namespace)
    .filter(({ metadata }) => metadata.labels?.[LABELS.job] === job.metadata.name)
    .some((pod) => isListenerOf(pod, event) || handsOverTo(pod.spec, event))
}

/**
 * What the pods of runners would be that may start from zero at any time: those of events that stay, where a version before may
 * serve on since the next one can't be made, and of those that leave with a backlog.
 */
function runnersAtWork({ deployments }: World, job: LiveJob, isAtWork: (event: string) => boolean) {
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
