import { setTimeout as delay } from 'node:timers/promises'

import pc from 'picocolors'

import { JobicoError } from '../../../functions/process/errors.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import type { Outcome } from '../../../functions/outcomes/follow-outcomes.ts'
import { checkEvent } from '../target/unknown-name.ts'
import { print, type Format } from '../terminal/output.ts'
import { jsonOutcome, textOutcome } from './outcome-view.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { queuesOf } from '../target/queues.ts'
import { atPlatform, type ClusterOptions, type Platform } from '../target/target.ts'

/** The options of `jobico tail`. */
export interface TailOptions extends ClusterOptions {
  readonly job?: string
  readonly output: Format
}

/** How often it is looked for Jobs that are new. */
const LOOK_AGAIN_MS = 3_000

/** Prints outcomes as they come, until a signal ends it. Throws an Error when there is no such event or Job. */
export async function tail(event: string | undefined, { job, output, ...where }: TailOptions): Promise<void> {
  const stopping = stopSignal()
  await atPlatform(where, async (platform) => {
    if (event !== undefined) checkEvent(await platform.events(), event, platform.place)
    const show = (ref: JobRef, outcome: Outcome) =>
      print(output === 'json' ? jsonOutcome(ref, outcome) : textOutcome(outcome, pc))
    await followAll(platform, { job, event, show, signal: stopping })
  })
}

interface Following {
  readonly job: string | undefined
  readonly event: string | undefined
  readonly show: (ref: JobRef, outcome: Outcome) => void
  readonly signal: AbortSignal
}

/** Follows every Job, also those that come later: of these all that is kept is new. */
async function followAll(platform: Platform, following: Following): Promise<void> {
  const { job, signal } = following
  const failed = Promise.withResolvers<never>()
  const followed = new Map<string, Promise<void>>()
  const begin = (ref: JobRef, fromNow: boolean) => {
    const name = `${ref.namespace}/${ref.job}`
    if (followed.has(name)) return
    const run = follow(platform, ref, { ...following, fromNow })
    followed.set(
      name,
      run.catch(failed.reject).finally(() => followed.delete(name)),
    )
  }
  for (const ref of await queuesOf(platform, job)) begin(ref, true)
  while (!signal.aborted) {
    await Promise.race([pause(signal), failed.promise])
    for (const ref of await laterQueues(platform, job)) begin(ref, false)
  }
  await Promise.all(followed.values())
}

/** Ends when the streams of the Job are gone. */
async function follow(
  platform: Platform,
  ref: JobRef,
  { event, show, signal, fromNow }: Following & { readonly fromNow: boolean },
): Promise<void> {
  const { followOutcomes } = await import('../../../functions/outcomes/follow-outcomes.ts')
  const options = { fromNow, signal, ...(event === undefined ? {} : { event }) }
  try {
    for await (const outcome of followOutcomes(await platform.nats(), ref, options)) show(ref, outcome)
  } catch (fault) {
    if (!(fault instanceof JobicoError) || fault.code !== 'NOT_FOUND') throw fault
  }
}

/** None while NATS is away, or the Job is. */
async function laterQueues(platform: Platform, job: string | undefined): Promise<readonly JobRef[]> {
  return await queuesOf(platform, job).catch(() => [])
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined)
}
