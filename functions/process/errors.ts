/**
 * Every code that Jobico gives to a fault, with what it means to an HTTP client. Codes are a contract: users match on
 * them in problem documents, dead letters and command output, so they are added but never renamed.
 */
export const ERROR_CODES = {
  REQUEST_INVALID: { status: 400, title: 'The request is not well-formed' },
  BODY_INVALID: { status: 400, title: 'The body is not well-formed' },
  EVENT_INVALID: { status: 400, title: 'Not a valid CloudEvent' },
  UNAUTHORIZED: { status: 401, title: 'A valid bearer token is needed' },
  NOT_FOUND: { status: 404, title: 'There is nothing here' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The method is not allowed here' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  TOO_LARGE: { status: 413, title: 'The request is too large' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'The media type is not supported' },
  DATA_INVALID: { status: 422, title: 'The data does not match the schema of the event' },
  TOO_MANY_REQUESTS: { status: 429, title: 'Too many requests are in flight' },
  INTERNAL: { status: 500, title: 'An unexpected fault' },
  EVENT_DEAD: { status: 502, title: 'The event ended as a dead letter' },
  QUEUE_FULL: { status: 503, title: 'The queue is full' },
  QUEUE_UNAVAILABLE: { status: 503, title: 'The queue can not be reached' },

  REJECTED: { status: 502, title: 'The module rejected the event' },
  RETRY_REQUESTED: { status: 502, title: 'The module asked for a retry' },
  MODULE_TRAP: { status: 502, title: 'The module trapped' },
  TIMEOUT: { status: 502, title: 'The execution took longer than its timeoutSeconds' },
  WORKER_DIED: { status: 502, title: 'The thread of the execution died' },
  PROCESS_DIED: { status: 502, title: 'The process died during the execution' },
  RESULT_INVALID: { status: 502, title: 'The module gave back a broken result' },
  RESULT_TOO_LARGE: { status: 502, title: 'The result is too large to be stored' },
  OUTPUT_INVALID: { status: 502, title: 'The result does not match the schema of the output event' },
  SINK_UNAVAILABLE: { status: 502, title: 'The sink did not take the result yet' },
  SINK_REFUSED: { status: 502, title: 'The sink refused the result' },

  CONFIG_INVALID: { status: 500, title: 'The configuration is not valid' },
  SCHEMA_INVALID: { status: 500, title: 'The JSON Schema is not valid' },
  MODULE_INVALID: { status: 500, title: 'The module is not valid' },
  MODULE_UNCHECKED: { status: 500, title: 'The module could not be checked just now' },
  NATS_TOO_OLD: { status: 500, title: 'The NATS server is too old' },
  STREAM_REFUSED: { status: 500, title: 'NATS refused to make a stream, or has no room' },
} as const satisfies Record<string, { status: number; title: string }>

/** One of the codes of ERROR_CODES. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What can go with an error: its cause, and members that a problem document shows beside the standard ones. */
export interface ErrorExtras {
  readonly cause?: unknown
  readonly members?: Readonly<Record<string, unknown>>
}

/** A fault that somebody outside can act on: a stable code, and a message that says what is wrong and how to mend it. */
export class JobicoError extends Error {
  readonly code: ErrorCode
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = 'JobicoError'
    this.code = code
    this.members = extras.members ?? {}
  }

  /** The HTTP status that belongs to the code. */
  get status(): number {
    return ERROR_CODES[this.code].status
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
