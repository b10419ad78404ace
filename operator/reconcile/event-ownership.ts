import type { Job } from '../../crds/job.ts'
import { wrong, type Fault } from '../faults/fault.ts'

/** Who has an event: the Job that controls its `listener-<e>` or, where that is gone for the moment, its `runner-<e>`. */
export interface EventOwner {
  readonly uid: string
  readonly name: string
}

/**
 * The events of a Job that another Job of its namespace has, each with the fault EventTaken. The holder keeps an event; where
 * there is none it goes to the older Job, then to the lower name. Pure.
 */
export function eventsOfOtherJobs(
  job: Job,
  jobs: readonly Job[],
  holderOf: (event: string) => EventOwner | undefined,
): ReadonlyMap<string, Fault> {
  const taken = job.spec.events.flatMap(({ name }): [string, Fault][] => {
    const owner = holderOf(name) ?? firstClaim(name, job, jobs)
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

function firstClaim(event: string, job: Job, jobs: readonly Job[]): EventOwner {
  const claims = jobs.filter(
    ({ metadata, spec }) =>
      metadata.namespace === job.metadata.namespace &&
      metadata.deletionTimestamp === undefined &&
      spec.events.some(({ name }) => name === event),
  )
  const [first = job] = claims.sort(olderFirst)
  return { uid: first.metadata.uid ?? '', name: first.metadata.name }
}

function olderFirst({ metadata: a }: Job, { metadata: b }: Job): number {
  const ages = [a, b].map(({ creationTimestamp }) => Date.parse(creationTimestamp ?? ''))
  const [ageA = 0, ageB = 0] = ages
  return ageA - ageB || (a.name < b.name ? -1 : 1)
}
