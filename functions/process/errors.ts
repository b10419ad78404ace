/** What one code means. */
export interface ErrorInfo {
  /** The HTTP status of an answer with this code. */
  readonly status: number
  /** The title of a problem document. */
  readonly title: string
  /** For users, in docs/reference/error-codes.md. */
  readonly meaning: string
  /** What a user can do about it, where the meaning does not say. */
  readonly fix?: string
}

const SEND_AGAIN = 'Send again after `Retry-After`, with the same id or `Idempotency-Key`; that is safe.'

/**
 * Every error code of Jobico. Users match on them in problem documents, dead letters and command output, so codes are added
 * but never renamed. Codes of failed executions have the status 502, codes that no listener answers with have 500.
 */
export const ERROR_CODES = {
  REQUEST_INVALID: {
    status: 400,
    title: 'The request is not well-formed',
    meaning: 'The request is not valid HTTP, or it ended before it was complete.',
  },
  BODY_INVALID: {
    status: 400,
    title: 'The body is not well-formed',
    meaning:
      'The body is not JSON in UTF-8, has a key twice in one object, is nested deeper than 128 levels, has no event in it, or does not have the form that its media type asks for.',
  },
  EVENT_INVALID: {
    status: 400,
    title: 'Not a valid CloudEvent',
    meaning:
      'The event is not a valid CloudEvent 1.0: an attribute is missing, empty, repeated or not of its type. `detail` names it.',
  },
  UNAUTHORIZED: {
    status: 401,
    title: 'A valid bearer token is needed',
    meaning: 'The event has `listener.auth`, and the request has no valid bearer token.',
    fix: 'Send the header `Authorization: Bearer <token>`, or use `jobico send --token`.',
  },
  ORIGIN_REFUSED: {
    status: 403,
    title: 'The request may come from a foreign web page',
    meaning:
      'Only `jobico dev` answers with it: its `Host` is not `localhost` or a loopback address, or its `Origin` is a web page of another place. `detail` names it.',
    fix: 'Send to `localhost`, or let other machines send events with `jobico dev --host`.',
  },
  NOT_FOUND: {
    status: 404,
    title: 'There is nothing here',
    meaning:
      'There is no such path, no event with this key, or no queue of this Job. An event is known while it is pending and while its outcome is kept.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The method is not allowed here',
    meaning: 'The path exists, but not with this method. `detail` lists the methods it has.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'The request took too long to arrive',
    meaning: 'The request did not arrive completely within 20 seconds.',
  },
  TOO_LARGE: {
    status: 413,
    title: 'The request is too large',
    meaning:
      'The request has more than 1,000 events, or the body or an event is larger than NATS stores in a message (1,040,384 bytes by default, headers included), or all headers together are larger than 64 KiB, or the attributes larger than 48 KiB, or checking the data takes more than 2,000,000 steps.',
    fix: 'Send fewer events in a request, or less data.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    title: 'The media type is not supported',
    meaning:
      'The `Content-Type` is missing or not one that a listener accepts, the body is compressed, or the data of an event is not JSON.',
  },
  DATA_INVALID: {
    status: 422,
    title: 'The data does not match the schema of the event',
    meaning:
      'The data of an event does not match the JSON Schema, or the event has no data. `errors` lists at most 100 faults, each with `index`, `pointer` and `detail`. Nothing is stored.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests are in flight',
    meaning:
      'The listener has as many requests in flight as it may, or their bodies or unread answers take as many bytes as they may.',
    fix: SEND_AGAIN,
  },
  INTERNAL: {
    status: 500,
    title: 'An unexpected fault',
    meaning: 'A bug in Jobico. The log of the process has the details.',
  },
  EVENT_DEAD: {
    status: 502,
    title: 'The event ended as a dead letter',
    meaning:
      'The request waited for the outcome of its event, and the event became a dead letter. `error` has the code of the failure, the reason and the number of attempts.',
  },
  QUEUE_FULL: {
    status: 503,
    title: 'The queue is full',
    meaning: 'The events that wait take all of `spec.queue.maxBytes`.',
    fix: `${SEND_AGAIN} If it lasts, \`jobico status JOB\` shows what waits.`,
  },
  STORAGE_LOW: {
    status: 503,
    title: 'The servers have little storage left',
    meaning:
      'The disk of a NATS server is nearly full. No Job takes new events, so that what was accepted can still be worked off.',
    fix: `${SEND_AGAIN} Whoever runs the installation gives NATS more room.`,
  },
  QUEUE_UNAVAILABLE: {
    status: 503,
    title: 'The queue can not be reached',
    meaning:
      'NATS can not be reached, did not answer in time or refused to store the event, or the listener is stopping.',
    fix: `${SEND_AGAIN} If it lasts, see whether NATS runs.`,
  },

  REJECTED: {
    status: 502,
    title: 'The module rejected the event',
    meaning:
      'The module rejected the event: it called `reject`, wrote it to file descriptor 3, exited with 65, or gave back an error from 400 to 499. It is dead at once.',
  },
  RETRY_REQUESTED: {
    status: 502,
    title: 'The module asked for a retry',
    meaning:
      'The module asked for a retry: it called `retry`, wrote it to file descriptor 3, exited with 75, or gave back an error other than 400 to 499.',
  },
  MODULE_TRAP: {
    status: 502,
    title: 'The module trapped',
    meaning:
      'The module trapped, such as by an abort or for want of memory, or exited with a status that has no meaning. The reason has the message of a panic or a failed assertion if there is one, and the place.',
    fix: 'If the reason says so, raise `memory`.',
  },
  TIMEOUT: {
    status: 502,
    title: 'The execution took longer than its timeoutSeconds',
    meaning: 'The execution took longer than `timeoutSeconds` and was stopped.',
    fix: 'Raise `timeoutSeconds` if the module needs the time.',
  },
  WORKER_DIED: {
    status: 502,
    title: 'The thread of the execution died',
    meaning: 'The worker thread ended during the execution, or the runner was stopped.',
  },
  PROCESS_DIED: {
    status: 502,
    title: 'The process died during the execution',
    meaning:
      'The process of the runner ended or was killed during the execution, such as for want of memory.',
    fix: 'If the condition `RunnersReady` has the reason `OutOfMemory`, lower `runner.concurrency` or raise `memory`.',
  },
  RESULT_INVALID: {
    status: 502,
    title: 'The module gave back a broken result',
    meaning:
      'The result, or data that the module emitted, is not JSON that a listener would take: in valid Unicode, without a key twice in one object, nested at most 128 levels deep. Or it can not be read, or a line on file descriptor 3 is not one that Jobico knows.',
  },
  RESULT_TOO_LARGE: {
    status: 502,
    title: 'The result is too large to be stored',
    meaning:
      'The result, or what the module emitted, is more than 8 Mi characters or more than NATS stores in a message, or the module emitted more than 50 events. The event is dead at once.',
  },
  OUTPUT_INVALID: {
    status: 502,
    title: 'The result does not match the schema of the output event',
    meaning:
      'The result or emitted data does not match the schema of the event that it goes to, the module emitted to an event that its Job does not have, or more than 100 events came out of each other. The event is dead at once. Only if the module emitted to an event that is not served yet, it is retried.',
  },
  SINK_UNAVAILABLE: {
    status: 502,
    title: 'The sink did not take the result yet',
    meaning: 'The sink did not answer in time, or answered 408, 425, 429 or 5xx.',
  },
  SINK_REFUSED: {
    status: 502,
    title: 'The sink refused the result',
    meaning:
      'The sink answered with a status that does not say to try again, such as 404 or a redirection, or its address is one that never takes results. The event is dead at once.',
  },
  MESSAGE_UNREADABLE: {
    status: 502,
    title: 'The message can not be read by this version',
    meaning:
      'A message in the queue or among the records of events is no event or outcome that this version of Jobico can read, such as one that a later version has stored. It is kept as it is: an event is dead at once, and its dead letter holds the message.',
    fix: 'Once a version runs that can read it, redrive the dead letter.',
  },

  CONFIG_INVALID: {
    status: 500,
    title: 'The configuration is not valid',
    meaning: 'An environment variable, or a file that one names, is not right, and the process ends.',
    fix: 'The message names all variables that are wrong.',
  },
  SCHEMA_INVALID: {
    status: 500,
    title: 'The JSON Schema is not valid',
    meaning: 'A schema is not a JSON Schema, or uses something that Jobico refuses.',
    fix: 'The message says where, and what to write instead.',
  },
  MODULE_INVALID: {
    status: 500,
    title: 'The module is not valid',
    meaning:
      'A module does not compile, is no WebAssembly, exports no known entry, imports what is not offered, needs more than its memory, or is not in the module store.',
    fix: '`jobico push --check FILE` says the same without a cluster.',
  },
  MODULE_UNCHECKED: {
    status: 500,
    title: 'The module could not be checked just now',
    meaning: 'A large module was not checked within 30 seconds, or at all. It may be valid.',
    fix: 'Try again. If that does not help, make the module smaller.',
  },
  NATS_TOO_OLD: {
    status: 500,
    title: 'The NATS server is too old',
    meaning: 'The NATS server is older than 2.15.0.',
    fix: 'Upgrade it.',
  },
  STREAM_REFUSED: {
    status: 500,
    title: 'NATS refused to make a stream, or has no room',
    meaning: 'NATS refused to create or change a stream, or has no storage left for it or for a module.',
    fix: 'The message says what to change. If no storage is left, it has figures: lower `spec.queue.maxBytes`, or give NATS more storage.',
  },
} as const satisfies Record<string, ErrorInfo>

/** One of the codes of ERROR_CODES. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What can go with an error: its cause, and members that a problem document shows beside the standard ones. */
export interface ErrorExtras {
  readonly cause?: unknown
  readonly members?: Readonly<Record<string, unknown>>
}

/** An error that a user can act on: a stable code, and a message that says what is wrong and how to fix it. */
export class JobicoError extends Error {
  readonly code: ErrorCode
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = 'JobicoError'
    this.code = code
    this.members = extras.members ?? {}
  }

  /** The HTTP status of the code. */
  get status(): number {
    return ERROR_CODES[this.code].status
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
