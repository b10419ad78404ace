import type { Job } from '../../../crds/job.ts'
import type { Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { LABELS, MANAGER } from '../../../knative/resources/labels.ts'
import { listenerName } from '../../../knative/resources/names.ts'
import type { KnativeServiceObject } from '../../../knative/status/observed.ts'
import { unknownName } from './unknown-name.ts'

/**
 * Finds the Knative revision that serves an event of the namespace; it may belong to an earlier version of the Job. If there
 * is none, throws an Error that names the fix.
 */
export async function findRevision(
  kube: Kube,
  event: string,
  jobs: () => Promise<readonly Job[]>,
): Promise<string> {
  const name = { namespace: kube.namespace, name: listenerName(event) }
  const found = await kube.get<KnativeServiceObject>(KINDS.knativeService, name)
  const revision = isOurs(found, event) ? found?.status?.latestReadyRevisionName : undefined
  if (revision !== undefined) return revision
  throw new Error(whyNone(event, await jobs(), kube.namespace))
}

function isOurs(service: KnativeServiceObject | undefined, event: string): boolean {
  const labels = service?.metadata.labels
  return labels?.[LABELS.managedBy] === MANAGER && labels[LABELS.event] === event
}

/** Says why no listener accepts an event: no Job declares it, or the Job's conditions say why. Pure. */
export function whyNone(event: string, jobs: readonly Job[], namespace: string): string {
  const owners = jobs.filter(({ spec }) => spec.events.some(({ name }) => name === event))
  const [job] = owners
  if (job === undefined) {
    const known = jobs.flatMap(({ spec }) => spec.events.map(({ name }) => name))
    return unknownName({ what: 'event', name: event, known, place: `the namespace ${namespace}` })
  }
  return `the event ${event} of the Job ${job.metadata.name} is not received yet: ${reasonOf(job, event)}`
}

function reasonOf({ metadata, status }: Job, event: string): string {
  const { conditions = [], observedGeneration } = status ?? {}
  if (observedGeneration === undefined)
    return 'no operator has looked at the Job; see whether it runs: kubectl get pods -n jobico-system'
  const bad = conditions.filter(({ type, status: holds }) => type !== 'Ready' && holds !== 'True')
  const about = bad.find(({ message }) => message.includes(`event ${event}:`)) ?? bad[0]
  return about === undefined
    ? `its listener is starting; see: jobico status ${metadata.name}`
    : `${about.reason}: ${about.message}`
}
