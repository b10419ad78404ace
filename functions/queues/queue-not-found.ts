import { JobicoError } from '../process/errors.ts'
import type { JobRef } from './names.ts'

/** The error for a Job that has no streams. */
export function queueNotFound({ namespace, job }: JobRef): JobicoError {
  return new JobicoError(
    'NOT_FOUND',
    `NATS holds no queue of the Job ${job} of the namespace ${namespace}; see that the Job is there and its queue is ready`,
  )
}
