import { JobicoError } from '../shared/errors.ts'
import type { Requests } from '../shared/requests.ts'

/** The way to NATS; undefined until the first connection is made. */
export type Reach = () => Requests | undefined

/** The way to NATS when it is open right now. Throws QUEUE_UNAVAILABLE. */
export function reachable(requests: Reach): Requests {
  const open = requests()
  if (open?.isOnline() === true) return open
  throw new JobicoError(
    'QUEUE_UNAVAILABLE',
    'the listener is not connected to NATS; sending again with the same id or Idempotency-Key is safe',
  )
}
