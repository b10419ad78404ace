import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream'

import { subjectsIn } from '../../functions/jetstream/manager.ts'
import { eventSubjects, streamNames, type JobRef } from '../../functions/queues/names.ts'

const SUBJECTS = ['done', 'dead'] as const

/** The stream that keeps the verdicts of a Job. */
export function keptVerdictsStream({ namespace, job }: JobRef): string {
  return `KEPT_${namespace}_${job}`
}

/**
 * Has NATS keep a copy of each verdict that a Job's stream of events stores from now on, so that a second one shows though it
 * takes the place of the first, and one that was deleted to make room can still be read.
 */
export async function keepVerdicts(manager: JetStreamManager, ref: JobRef, replicas = 1): Promise<void> {
  const { record } = eventSubjects({ ...ref, event: '*' })
  const config: Partial<StreamConfig> & { name: string } = {
    name: keptVerdictsStream(ref),
    num_replicas: replicas,
    mirror: {
      name: streamNames(ref).events,
      subject_transforms: SUBJECTS.map((kind) => ({ src: record('*', kind), dest: '' })),
    },
  }
  await manager.streams.add(config)
}

/** How many verdicts were stored since keepVerdicts. */
export async function keptVerdicts(manager: JetStreamManager, ref: JobRef): Promise<number> {
  return (await manager.streams.info(keptVerdictsStream(ref))).state.messages
}

/** How many verdicts, done or dead, a Job's stream of events holds. */
export async function heldVerdicts(manager: JetStreamManager, ref: JobRef): Promise<number> {
  const { record } = eventSubjects({ ...ref, event: '*' })
  const { events } = streamNames(ref)
  const held = await Promise.all(SUBJECTS.map((kind) => subjectsIn(manager, events, record('*', kind))))
  return held.reduce((sum, subjects) => sum + (subjects?.size ?? 0), 0)
}
