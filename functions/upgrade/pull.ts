import type { NatsConnection } from '@nats-io/transport-node'

import { pullPage, type ConsumerRef } from '../jetstream/pull.ts'
import { readOldMessage, type OldMessage } from './old-layout.ts'

/** As pullPage, for a stream of 0.1.0. */
export async function pullOld(
  connection: NatsConnection,
  from: ConsumerRef,
): Promise<{ readonly messages: readonly OldMessage[]; readonly more: boolean }> {
  const { messages, more } = await pullPage(connection, from)
  return { messages: messages.flatMap((message) => readOldMessage(message) ?? []), more }
}
