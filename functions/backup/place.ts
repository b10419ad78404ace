import type { NatsConnection } from '@nats-io/transport-node'

/** Where the Jobs of namespaces are: one connection for all of them, or one for each, always the same. */
export type Place = NatsConnection | ((namespace: string) => Promise<NatsConnection>)

/** The connection for a namespace. */
export async function connectionOf(place: Place, namespace: string): Promise<NatsConnection> {
  return typeof place === 'function' ? await place(namespace) : place
}
