import { setTimeout as delay } from 'node:timers/promises'

import { JobicoError } from '../../process/errors.ts'
import { eventSubjects, type EventRef } from '../../queues/names.ts'
import type { Requests } from '../../jetstream/requests.ts'
import { newestRecord, verdictOf } from '../../outcomes/event-state.ts'
import type { Verdict } from '../../outcomes/verdict.ts'

/** Watches for the verdict of one event. The caller closes it. */
export interface VerdictWatch {
  /** Waits for the verdict; undefined when the time is over or the signal aborts. It never throws QUEUE_UNAVAILABLE. */
  wait(seconds: number, signal: AbortSignal): Promise<Verdict | undefined>
  close(): void
}

const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 1_000

/**
 * Starts to watch for the verdict of an event; call it before the event is stored. A message on the event's records is
 * only a hint to read the verdict: it may come before JetStream has stored it, or be refused. The verdict itself is read
 * from the stream's leader, at least once a second.
 */
export function watchVerdict(requests: Requests, ref: EventRef, key: string): VerdictWatch {
  let hint = new AbortController()
  const subscription = requests.connection.subscribe(eventSubjects(ref).records(key), {
    callback: () => {
      hint.abort()
    },
  })
  return {
    close: () => subscription.unsubscribe(),
    async wait(seconds, signal) {
      const deadline = performance.now() + seconds * 1_000
      let pauseMs = FIRST_PAUSE_MS
      for (;;) {
        const verdict = await finalVerdict(requests, ref, key)
        const leftMs = deadline - performance.now()
        if (verdict !== undefined || leftMs <= 0 || signal.aborted) return verdict
        if (hint.signal.aborted) {
          hint = new AbortController()
          pauseMs = FIRST_PAUSE_MS
        }
        await pause(Math.min(pauseMs, leftMs), AbortSignal.any([signal, hint.signal]))
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}

/** Reads the verdict; undefined while the event is pending, also if it is a dead letter that was redriven. */
async function finalVerdict(requests: Requests, ref: EventRef, key: string): Promise<Verdict | undefined> {
  try {
    const newest = await newestRecord(requests, ref, key)
    return newest && verdictOf(newest)
  } catch (thrown) {
    // The event is stored, so a queue that can not be reached for a while must not turn the answer into an error.
    if (thrown instanceof JobicoError && thrown.code === 'QUEUE_UNAVAILABLE') return undefined
    throw thrown
  }
}
