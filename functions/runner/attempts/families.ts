import { headers } from '@nats-io/transport-node'

import { descendantsSubject, streamNames, type JobRef } from '../../queues/names.ts'
import { expectNewest } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'
import { deleteMessage, lastMessage } from '../../jetstream/stored-message.ts'

/**
 * The most events that may come out of one event, through all hand-overs where an execution hands over more than one.
 * Without a limit, events that emit to each other would fill the Job.
 */
export const MAX_DESCENDANTS = 10_000

/** What came out of one event by hand-overs, or is to come out of it: how many events, and their bytes. */
export interface Family {
  readonly events: number
  readonly bytes: number
}

/** What counting needs. */
export interface FamilyOptions {
  readonly requests: Requests
  readonly ref: JobRef
  /** The most bytes that may come out of one event. */
  readonly mostBytes: () => number
  /** How long a count is kept after it was last changed. */
  readonly ttlSeconds: number
  /** Repeats a step until it gives a value. */
  readonly persist: <T>(step: () => Promise<T | undefined>) => Promise<T>
}

/** Counts, for each event with which hand-overs begin, what came out of it. */
export interface Families {
  /** What came out of the root event with this key so far. */
  of(root: string): Promise<Family>
  /**
   * Stores `more` hand-overs by `write`, which asks for the messages that raise the count each time it tries, and puts them
   * into the same batch: it is refused if another process has changed the count meanwhile. Gives undefined, and stores
   * nothing, if too much would come out of the root event. A hand-over to one event is not counted: the number of hops
   * limits it.
   */
  grow<T>(
    root: string,
    more: Family,
    write: (counted: () => Promise<readonly Outgoing[]>) => Promise<T>,
  ): Promise<T | undefined>
}

/** Which limit of what comes out of one event would be exceeded by `more`, if any. Pure. */
export function exceededLimit(family: Family, more: Family, mostBytes: number): keyof Family | undefined {
  if (family.events + more.events > MAX_DESCENDANTS) return 'events'
  // What one execution hands over is bounded otherwise, and may be more than a small queue allows a family.
  return family.events > 0 && family.bytes + more.bytes > mostBytes ? 'bytes' : undefined
}

/** Makes the counts of a Job. */
export function createFamilies({ requests, ref, mostBytes, ttlSeconds, persist }: FamilyOptions): Families {
  /** The last change to each count that this process is making; the next one waits for it. */
  const changes = new Map<string, Promise<unknown>>()

  const read = async (root: string) => {
    const { found } = await persist(async () => ({
      found: await lastMessage(requests, streamNames(ref).events, descendantsSubject(ref, root)),
    }))
    return { seq: found?.seq ?? 0, family: parseFamily(found?.data) }
  }
  const message = (root: string, family: Family, seq: number): Outgoing => {
    const subject = descendantsSubject(ref, root)
    const fields = headers()
    fields.set('Nats-TTL', `${ttlSeconds}s`)
    expectNewest(fields, subject, seq)
    return { subject, headers: fields, payload: `${family.events} ${family.bytes}` }
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
    of: async (root) => (await read(root)).family,
    grow: async (root, more, write) => {
      if (more.events < 2) return await write(() => Promise.resolve([]))
      return await inTurn(root, async () => {
        let known: Awaited<ReturnType<typeof read>> | undefined = await read(root)
        if (exceededLimit(known.family, more, mostBytes()) !== undefined) return undefined
        let replaced = 0
        const written = await write(async () => {
          const { seq, family } = known ?? (await read(root))
          known = undefined
          replaced = seq
          return [message(root, sum(family, more), seq)]
        })
        // One that is left behind expires.
        if (replaced !== 0)
          await deleteMessage(requests, streamNames(ref).events, replaced).catch(() => undefined)
        return written
      })
    },
  }
}

/** Reads what a count's message says. Pure. */
function parseFamily(data: Uint8Array = new Uint8Array()): Family {
  const [events = 0, bytes = 0] = Buffer.from(data).toString().split(' ').map(Number)
  return { events, bytes }
}

function sum(a: Family, b: Family): Family {
  return { events: a.events + b.events, bytes: a.bytes + b.bytes }
}
