import { headersSize } from '../../cloudevents/nats-binding.ts'
import { MAX_BATCH, publishBatch, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'

/**
 * Publishes messages that belong together, all or none, in one atomic batch with whatever others wait by then. A refusal is
 * of the whole batch: each of them then has to look for itself whether it was the reason. Throws as publishBatch does.
 */
export type Batcher = (messages: readonly Outgoing[]) => Promise<PubAck>

/** Of a batch, beyond the first set of messages. */
const MAX_BYTES = 4 * 1024 * 1024

interface Member {
  readonly messages: readonly Outgoing[]
  readonly bytes: number
  readonly resolve: (ack: PubAck) => void
  readonly reject: (fault: unknown) => void
}

/**
 * Makes a batcher with one batch under way at a time. A server takes some hundred batches a second, whatever is in them,
 * and answers none in time when more are sent to it at once.
 */
export function createBatcher(requests: Requests): Batcher {
  let waiting: Member[] = []
  let isRunning = false

  const run = async () => {
    isRunning = true
    while (waiting.length > 0) {
      const count = countOfNext(waiting)
      const members = waiting.slice(0, count)
      waiting = waiting.slice(count)
      const isFull = await publishGroup(requests, members)
      // Where there is no room for all, there may be for some.
      if (isFull) for (const member of members) await publishGroup(requests, [member], true)
    }
    isRunning = false
  }
  return (messages) => {
    const sizes = messages.map(sizeOf)
    // What NATS does not take would take the others of its batch down with it.
    if (Math.max(...sizes) > requests.maxPayload()) return publishBatch(requests, messages)
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    return new Promise((resolve, reject) => {
      waiting.push({ messages, bytes, resolve, reject })
      if (!isRunning) void run()
    })
  }
}

/** Publishes a batch and tells its members what came of it; those of a large one that finds no room are told nothing yet: true. */
async function publishGroup(
  requests: Requests,
  members: readonly Member[],
  isLast = members.length === 1,
): Promise<boolean> {
  try {
    const ack = await publishBatch(
      requests,
      members.flatMap(({ messages }) => messages),
    )
    if (!isLast && !ack.stored && ack.refusal === 'full') return true
    for (const { resolve } of members) resolve(ack)
  } catch (fault) {
    for (const { reject } of members) reject(fault)
  }
  return false
}

/** How many of those that wait go into the next batch: at least one, and no two with the same subject. */
function countOfNext(waiting: readonly Member[]): number {
  const subjects = new Set<string>()
  let [count, total, bytes] = [0, 0, 0]
  for (const member of waiting) {
    total += member.messages.length
    bytes += member.bytes
    const isFull = total > MAX_BATCH || bytes > MAX_BYTES
    if (count > 0 && (isFull || member.messages.some(({ subject }) => subjects.has(subject)))) break
    for (const { subject } of member.messages) subjects.add(subject)
    count++
  }
  return count
}

function sizeOf({ headers, payload = '' }: Outgoing): number {
  const framing = 150 // of the batch's own headers, at most
  return (headers === undefined ? 0 : headersSize(headers)) + Buffer.byteLength(payload) + framing
}
