import { setTimeout as delay } from 'node:timers/promises'

import { JobicoError } from '../../process/errors.ts'
import { eventSubjects, type EventRef } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { eventState, readVerdict } from '../../outcomes/event-state.ts'
import type { Verdict } from '../../outcomes/verdict.ts'

/** Looks out for the verdict of one event. Close it in the end. */
export interface VerdictWatch {
  /** The verdict, or undefined when the time is over or the signal says so first. Never throws. */
  wait(seconds: number, signal: AbortSignal): Promise<Verdict | undefined>
  close(): void
}

const FIRST_LOOK_MS = 5
const LAST_LOOK_MS = 1_000

/**
 * Begins to look out for the verdict of an event, best before the event is stored. A message on the verdict's subject
 * only says that it is time to look, since it may come before JetStream has stored it, or may be refused; what counts is
 * read from the stream's leader, at the latest each second.
 */
export function watchVerdict(requests: Requests, ref: EventRef, key: string): VerdictWatch {
  let hint = new AbortController()
  const subscription = requests.connection.subscribe(eventSubjects(ref).verdict(key), {
    callback: () => {
      hint.abort()
    },
  })
  return {
    close: () => subscription.unsubscribe(),
    async wait(seconds, signal) {
      const deadline = performance.now() + seconds * 1_000
      let pauseMs = FIRST_LOOK_MS
      for (;;) {
        const verdict = await finalVerdict(requests, ref, key)
        const leftMs = deadline - performance.now()
        if (verdict !== undefined || leftMs <= 0 || signal.aborted) return verdict
        if (hint.signal.aborted) {
          hint = new AbortController()
          pauseMs = FIRST_LOOK_MS
        }
        await pause(Math.min(pauseMs, leftMs), AbortSignal.any([signal, hint.signal]))
        pauseMs = Math.min(pauseMs * 2, LAST_LOOK_MS)
      }
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}

/** The verdict that stands. A dead one does not while the event is pending again: that is a redrive under way. */
async function finalVerdict(requests: Requests, ref: EventRef, key: string): Promise<Verdict | undefined> {
  try {
    const verdict = (await readVerdict(requests, ref, key))?.verdict
    if (verdict?.kind !== 'dead') return verdict
    const state = await eventState(requests, ref, key)
    return state.state === 'done' || state.state === 'dead' ? state.verdict : undefined
  } catch (thrown) {
    // The event is stored: that the queue is out of reach for a while is no reason to say anything else.
    if (thrown instanceof JobicoError && thrown.code === 'QUEUE_UNAVAILABLE') return undefined
    throw thrown
  }
}
