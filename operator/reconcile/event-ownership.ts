import type { Job } from '../../crds/job.ts'
import { wrong, type Fault } from '../faults/fault.ts'

/** The Job that owns an event: the one that controls its `listener-<e>`, or its `runner-<e>` while there is no listener. */
export interface EventOwner {
  readonly uid: string
  readonly name: string
}

/**
 * The events of a Job that belong to another Job of the namespace, each with the fault EventTaken. An owner keeps its event.
 * An event without one belongs to the oldest Job that has it; of equally old Jobs, to the one with the lowest name. Pure.
 */
export function eventsOfOtherJobs(
  job: Job,
  jobs: readonly Job[],
  ownerOf: (event: string) => EventOwner | undefined,
): ReadonlyMap<string, Fault> {
  const taken = job.spec.events.flatMap(({ name }): [string, Fault][] => {
    const owner = ownerOf(name) ?? oldestJobWith(name, job, jobs)
    return owner.uid === job.metadata.uid ? [] : [[name, eventTaken(name, owner.name)]]
  })
  return new Map(taken)
}

function eventTaken(event: string, owner: string): Fault {
  return wrong(
    'EventTaken',
    `the Job ${owner} has the event ${event} already; give one of the two another name, or take the event out of ${owner}`,
  )
}

function oldestJobWith(event: string, job: Job, jobs: readonly Job[]): EventOwner {
  const candidates = jobs.filter(
    ({ metadata, spec }) =>
      metadata.namespace === job.metadata.namespace &&
      metadata.deletionTimestamp === undefined &&
      spec.events.some(({ name }) => name === event),
  )
  const [first = job] = candidates.sort(olderFirst)
  return { uid: first.metadata.uid ?? '', name: first.metadata.name }
}

function olderFirst({ metadata: a }: Job, { metadata: b }: Job): number {
  const ages = [a, b].map(({ creationTimestamp }) => Date.parse(creationTimestamp ?? ''))
  const [ageA = 0, ageB = 0] = ages
  return ageA - ageB || (a.name < b.name ? -1 : 1)
}
