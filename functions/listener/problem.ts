import { ERROR_CODES, JobicoError } from '../shared/errors.ts'

/** Content-Type of the error answers (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json'

/** How long a client should wait before it sends again, in seconds, by the status of the answer. */
const RETRY_AFTER: Readonly<Record<number, number>> = { 429: 1, 503: 2 }

/** An error answer, ready to be sent. */
export interface Problem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The problem document of an error, with the headers that belong to its status. Pure. */
export function problemOf(error: JobicoError): Problem {
  const { status, title } = ERROR_CODES[error.code]
  const retryAfter = RETRY_AFTER[status]
  return {
    status,
    headers: {
      'content-type': PROBLEM_TYPE,
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="jobico"' } : {}),
    },
    body: JSON.stringify({ title, status, code: error.code, detail: error.message, ...error.members }),
  }
}

const CODES_OF_FRAMEWORK = { 413: 'TOO_LARGE', 415: 'MEDIA_TYPE_UNSUPPORTED' } as const

/** The JobicoError of anything that was thrown while a request was handled; what nobody foresaw is INTERNAL. */
export function asJobicoError(thrown: unknown): JobicoError {
  if (thrown instanceof JobicoError) return thrown
  const { statusCode, message } = thrown as { statusCode?: number; message?: string }
  const code = CODES_OF_FRAMEWORK[statusCode as keyof typeof CODES_OF_FRAMEWORK] as
    | JobicoError['code']
    | undefined
  if (code !== undefined) return new JobicoError(code, String(message), { cause: thrown })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new JobicoError('REQUEST_INVALID', String(message), { cause: thrown })
  }
  return new JobicoError('INTERNAL', 'the fault is in the log of the listener', { cause: thrown })
}
