import { JobicoError, type ErrorCode } from '../../process/errors.ts'

const CODES: Readonly<Record<number, ErrorCode>> = { 413: 'TOO_LARGE', 415: 'MEDIA_TYPE_UNSUPPORTED' }

/** Turns anything thrown while a request was handled into a JobicoError; an unexpected fault becomes INTERNAL. */
export function asJobicoError(thrown: unknown): JobicoError {
  if (thrown instanceof JobicoError) return thrown
  // Fastify's own errors carry the status of the answer.
  const { statusCode = 500, message = '' } = thrown as { statusCode?: number; message?: string }
  if (statusCode < 400 || statusCode >= 500) {
    return new JobicoError('INTERNAL', 'the fault is in the log of the listener', { cause: thrown })
  }
  return new JobicoError(CODES[statusCode] ?? 'REQUEST_INVALID', message, { cause: thrown })
}
