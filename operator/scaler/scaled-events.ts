import type { Subscription } from '@nats-io/transport-node'

import { wakeSubject, type EventRef } from '../../functions/queues/names.ts'
import { connectionOf, type NatsLinks } from '../nats/links.ts'
import {
  listens,
  LOOK_AFTER_MS,
  next,
  NOTHING_KNOWN,
  RETRY_AFTER_MS,
  type Activity,
  type Happening,
  type Pending,
} from './activity.ts'
import { countPending, REQUESTS_A_COUNT } from './count-pending.ts'

/** Called with true when something of an event is pending, and with false when nothing is any more. */
export type Say = (isActive: boolean) => void

/** The events that KEDA scales, as far as this process was asked about them. */
export interface ScaledEvents {
  /** Calls `say` with what is known already, and whenever it changes, until the returned function is called. */
  follow(ref: EventRef, say: Say): () => unknown
  /** Whether something of the event is pending. Throws as countPending, and as NatsLinks. */
  isActive(ref: EventRef): Promise<boolean>
  /** How many messages of the event wait or run. Throws as countPending, and as NatsLinks. */
  pending(ref: EventRef): Promise<number>
  /**
   * Looks at all events that are followed, or at those of a namespace: the connection came up, or a server did, so NATS may not
   * have told of a message.
   */
  lookAtAll(namespace?: string): void
  /** How many events are followed. */
  followed(): number
  /** Whether events of a namespace are followed. */
  needs(namespace: string): boolean
  close(): void
}

/** What the events need. */
export interface ScaledEventsOptions {
  readonly links: Pick<NatsLinks, 'use' | 'open'>
  /** Called with the number of requests that are sent to NATS. */
  readonly onRequests: (count: number) => void
}

interface Watch {
  readonly ref: EventRef
  readonly sayers: Set<Say>
  activity: Activity
  subscription: Subscription | undefined
  timer: NodeJS.Timeout | undefined
}

/** How many looks may wait for NATS at a time. */
const LOOKS_AT_A_TIME = 16
/** A look comes this much sooner or later, so that those of many events do not stay together. */
const SPREAD = 0.2

/** Follows no event yet. */
export function createScaledEvents({ links, onRequests }: ScaledEventsOptions): ScaledEvents {
  const watches = new Map<string, Watch>()
  const due = new Set<Watch>()
  let looking = 0

  const count = async (ref: EventRef): Promise<Pending> => {
    const connection = await links.open(ref.namespace)
    onRequests(REQUESTS_A_COUNT)
    return await countPending(connection, ref)
  }
  const apply = (watch: Watch, happening: Happening) => {
    const { activity, say } = next(watch.activity, happening)
    watch.activity = activity
    listen(watch)
    lookAfter(watch, LOOK_AFTER_MS[activity.phase])
    if (say !== undefined) for (const each of watch.sayers) each(say)
  }
  const listen = (watch: Watch) => {
    if (!listens(watch.activity)) silence(watch)
    else watch.subscription ??= subscribe(watch)
  }
  const subscribe = (watch: Watch): Subscription | undefined => {
    const connection = connectionOf({ use: () => links.use(watch.ref.namespace) })
    // The server sends one message and no more, however many are stored.
    return connection?.subscribe(wakeSubject(watch.ref), {
      max: 1,
      callback: (fault) => {
        watch.subscription = undefined
        if (fault === null) apply(watch, 'wake')
      },
    })
  }
  const lookAfter = (watch: Watch, ms: number) => {
    clearTimeout(watch.timer)
    const spread = ms * (1 - SPREAD + 2 * SPREAD * Math.random())
    watch.timer = setTimeout(() => {
      due.add(watch)
      lookAtDue()
    }, spread)
    watch.timer.unref()
  }
  const lookAtDue = () => {
    for (const watch of due) {
      if (looking >= LOOKS_AT_A_TIME) return
      due.delete(watch)
      looking++
      void look(watch).finally(() => {
        looking--
        lookAtDue()
      })
    }
  }
  const look = async (watch: Watch) => {
    if (watch.sayers.size === 0) {
      forget(watch)
      return
    }
    listen(watch) // NATS was not there, perhaps, when this was due
    const asked = watch.activity
    const pending = await count(watch.ref).catch(() => undefined)
    // Something happened meanwhile: it is newer than the answer, and another look follows it.
    if (watch.activity !== asked || !watches.has(pathOf(watch.ref))) return
    if (pending === undefined) lookAfter(watch, Math.max(LOOK_AFTER_MS[asked.phase], RETRY_AFTER_MS))
    else apply(watch, pending)
  }
  const forget = (watch: Watch) => {
    watches.delete(pathOf(watch.ref))
    due.delete(watch)
    clearTimeout(watch.timer)
    silence(watch)
  }

  return {
    follow(ref, say) {
      const path = pathOf(ref)
      const known = watches.get(path)
      const watch = known ?? {
        ref,
        sayers: new Set(),
        activity: NOTHING_KNOWN,
        subscription: undefined,
        timer: undefined,
      }
      watch.sayers.add(say)
      watches.set(path, watch)
      if (known === undefined) apply(watch, 'up')
      else if (known.activity.word !== undefined) say(known.activity.word)
      // What is known of it stays until the next look: KEDA may come again soon.
      return () => watch.sayers.delete(say)
    },
    async isActive(ref) {
      await links.open(ref.namespace)
      const word = watches.get(pathOf(ref))?.activity.word
      if (word !== undefined) return word
      const { waiting, running } = await count(ref)
      return waiting + running > 0
    },
    async pending(ref) {
      await links.open(ref.namespace)
      if (watches.get(pathOf(ref))?.activity.phase === 'idle') return 0
      const { waiting, running } = await count(ref)
      return waiting + running
    },
    lookAtAll(namespace) {
      for (const watch of watches.values()) {
        if (namespace !== undefined && watch.ref.namespace !== namespace) continue
        silence(watch) // its connection may be gone
        apply(watch, 'up')
      }
    },
    followed: () => [...watches.values()].filter(({ sayers }) => sayers.size > 0).length,
    needs: (namespace) => [...watches.values()].some(({ ref }) => ref.namespace === namespace),
    close() {
      for (const watch of watches.values()) forget(watch)
    },
  }
}

function silence(watch: Watch): void {
  watch.subscription?.unsubscribe()
  watch.subscription = undefined
}

function pathOf({ namespace, job, event }: EventRef): string {
  return `${namespace}/${job}/${event}`
}
