import { setTimeout as delay } from 'node:timers/promises'

import pc from 'picocolors'

import { JobicoError } from '../../../functions/process/errors.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import type { Outcome } from '../../../functions/outcomes/follow-outcomes.ts'
import { checkEvent } from '../target/unknown-name.ts'
import { print, type Format } from '../terminal/output.ts'
import { jsonOutcome, textOutcome } from './outcome-view.ts'
import { readerGone } from '../terminal/closed-output.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { queuesOf } from '../target/queues.ts'
import { atPlatform, type ClusterOptions, type Platform } from '../target/target.ts'

/** The options of `jobico tail`. */
export interface TailOptions extends ClusterOptions {
  readonly job?: string
  readonly output: Format
}

/** How often it looks for new Jobs. */
const POLL_MS = 3_000

/** Prints outcomes as they are stored, until a signal or the end of its reader ends it. Throws an Error if there is no such event or Job. */
export async function tail(event: string | undefined, { job, output, ...where }: TailOptions): Promise<void> {
  const stopping = AbortSignal.any([stopSignal(), readerGone()])
  await atPlatform(where, async (platform) => {
    if (event !== undefined) checkEvent(await platform.events(), event, platform.place)
    const show = (ref: JobRef, outcome: Outcome) =>
      print(output === 'json' ? jsonOutcome(ref, outcome) : textOutcome(outcome, pc), output)
    await followAll(platform, { job, event, show, signal: stopping })
  })
}

interface Following {
  readonly job: string | undefined
  readonly event: string | undefined
  readonly show: (ref: JobRef, outcome: Outcome) => void
  readonly signal: AbortSignal
}

/** Follows every Job. Of a Job that appears later, also the outcomes stored before it was noticed are shown. */
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

/** Follows one Job. Ends when its streams are deleted. */
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

/** The Jobs that have a queue now; none while NATS does not answer, or the Job does not exist. */
async function laterQueues(platform: Platform, job: string | undefined): Promise<readonly JobRef[]> {
  return await queuesOf(platform, job).catch(() => [])
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(POLL_MS, undefined, { signal }).catch(() => undefined)
}
