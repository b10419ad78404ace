import { JobicoError } from '../../process/errors.ts'
import type { Requests } from '../../jetstream/requests.ts'

/** Gives the requests to NATS; undefined until the first connection is made. */
export type NatsAccess = () => Requests | undefined

/** The requests to NATS, if the connection is up. Throws QUEUE_UNAVAILABLE if it is not. */
export function openRequests(requests: NatsAccess): Requests {
  const open = requests()
  if (open?.isOnline() === true) return open
  throw new JobicoError(
    'QUEUE_UNAVAILABLE',
    'the listener is not connected to NATS; sending again with the same id or Idempotency-Key is safe',
  )
}
