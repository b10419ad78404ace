import { headers } from '@nats-io/transport-node'

import { descendantsSubject, streamNames, type JobRef } from '../../queues/names.ts'
import { expectNewest } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { lastMessage } from '../../jetstream/stored-message.ts'

/**
 * The most events that may come out of one event, through all hand-overs where an execution hands over more than one.
 * Without a limit, events that emit to each other would fill the Job.
 */
export const MAX_DESCENDANTS = 10_000

/** What counting needs. */
export interface FamilyOptions {
  readonly requests: Requests
  readonly ref: JobRef
  /** How long a count is kept after it was last changed. */
  readonly ttlSeconds: number
  /** Repeats a step until it gives a value. */
  readonly persist: <T>(step: () => Promise<T | undefined>) => Promise<T>
}

/** Counts, for each event with which hand-overs begin, the events that came out of it. */
export interface Families {
  /** How many there are of the root event with this key. */
  count(root: string): Promise<number>
  /**
   * Stores hand-overs to `more` events by `write`, which asks for the messages that raise the count each time it tries, and
   * puts them into the same batch: it is refused if another process has changed the count meanwhile. A hand-over to one
   * event is not counted: the number of hops limits it.
   */
  grow<T>(
    root: string,
    more: number,
    write: (counted: () => Promise<readonly Outgoing[]>) => Promise<T>,
  ): Promise<T>
}

/** Makes the counts of a Job. */
export function createFamilies({ requests, ref, ttlSeconds, persist }: FamilyOptions): Families {
  /** The last change to each count that this process is making; the next one waits for it. */
  const changes = new Map<string, Promise<unknown>>()

  const read = async (root: string) => {
    const { found } = await persist(async () => ({
      found: await lastMessage(requests, streamNames(ref).events, descendantsSubject(ref, root)),
    }))
    return {
      seq: found?.seq ?? 0,
      count: found === undefined ? 0 : Number(Buffer.from(found.data).toString()),
    }
  }
  const message = (root: string, count: number, seq: number): Outgoing => {
    const subject = descendantsSubject(ref, root)
    const fields = headers()
    fields.set('Nats-TTL', `${ttlSeconds}s`)
    expectNewest(fields, subject, seq)
    return { subject, headers: fields, payload: String(count) }
  }

  async function inTurn<T>(root: string, step: () => Promise<T>): Promise<T> {
    const before = changes.get(root)
    const own = (async () => {
      await before?.catch(() => undefined)
      return await step()
    })()
    changes.set(root, own)
    try {
      return await own
    } finally {
      if (changes.get(root) === own) changes.delete(root)
    }
  }

  return {
    count: async (root) => (await read(root)).count,
    grow: async (root, more, write) => {
      if (more < 2) return await write(() => Promise.resolve([]))
      const counted = async () => {
        const { seq, count } = await read(root)
        return [message(root, count + more, seq)]
      }
      return await inTurn(root, () => write(counted))
    },
  }
}
