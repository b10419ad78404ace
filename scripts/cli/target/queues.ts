import type { JobRef } from '../../../functions/queues/names.ts'
import { unknownName } from './unknown-name.ts'
import type { Platform } from './target.ts'

/**
 * The Jobs of a platform that have a queue in NATS; a deleted Job has one until its events are done. With `job`, only that
 * one. If there is none, throws an Error that names the Jobs that exist.
 */
export async function queuesOf(platform: Platform, job?: string): Promise<readonly [JobRef, ...JobRef[]]> {
  const { listQueues } = await import('../../../functions/queues/lifecycle.ts')
  const queued = (await listQueues(await platform.nats())).map(({ ref }) => ref)
  const here = queued.filter((ref) => platform.holds(ref))
  const wanted = job === undefined ? here : here.filter((ref) => ref.job === job)
  const [first, ...others] = wanted
  if (first !== undefined) return [first, ...others]
  const known = here.map((ref) => ref.job)
  throw new Error(
    job === undefined
      ? `no Job has a queue in ${platform.place}; deploy one with jobico deploy, or name another namespace with -n`
      : unknownName({ what: 'Job', name: job, known, place: platform.place }),
  )
}
