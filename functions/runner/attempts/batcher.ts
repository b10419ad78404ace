import { headersSize } from '../../cloudevents/nats-binding.ts'
import { MAX_BATCH, publishBatch, type PubAck } from '../../jetstream/publish.ts'
import type { Outgoing, Requests } from '../../jetstream/requests.ts'

/**
 * Publishes messages that belong together, all or none, in an atomic batch that it shares with other callers. A refusal is
 * for the whole batch: each caller then has to find out whether its messages were the reason. Throws as publishBatch does.
 */
export type Batcher = (messages: readonly Outgoing[]) => Promise<PubAck>

/** The most bytes of a batch that has more than one member. */
const MAX_BYTES = 4 * 1024 * 1024

interface Member {
  readonly messages: readonly Outgoing[]
  readonly bytes: number
  readonly resolve: (ack: PubAck) => void
  readonly reject: (fault: unknown) => void
}

/**
 * Makes a batcher that sends one batch at a time. A server takes some hundred batches a second, however large they are; if
 * more are sent at once, it answers none of them in time.
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
      await publishGroup(requests, members)
    }
    isRunning = false
  }
  return (messages) => {
    const sizes = messages.map(sizeOf)
    // A message that is too large for NATS would make the whole batch fail, so it goes alone.
    if (Math.max(...sizes) > requests.maxPayload()) return publishBatch(requests, messages)
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    return new Promise((resolve, reject) => {
      waiting.push({ messages, bytes, resolve, reject })
      if (!isRunning) void run()
    })
  }
}

/** Publishes a batch and gives the answer to its members. */
async function publishGroup(requests: Requests, members: readonly Member[]): Promise<void> {
  try {
    const ack = await publishBatch(
      requests,
      members.flatMap(({ messages }) => messages),
    )
    for (const { resolve } of members) resolve(ack)
  } catch (fault) {
    for (const { reject } of members) reject(fault)
  }
}

/** How many waiting members go into the next batch: at least one, and no two with the same subject. */
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
