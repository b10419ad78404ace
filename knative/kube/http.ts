import {
  request as httpRequest,
  STATUS_CODES,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { request as httpsRequest } from 'node:https'

import { messageOf } from '../../functions/process/errors.ts'
import type { Access } from './access.ts'
import { KubeError } from './client.ts'

/** How long an answer may take: with its whole body, or only its head if the body is streamed. */
const ANSWER_TIMEOUT_MS = 15_000
/** The most bytes of an answer, and of one event of a watch. No object of the API server comes near, but many together do. */
export const MOST_BYTES = 16 * 2 ** 20
/** The reason of the error for an answer that is larger. */
export const TOO_LARGE = 'AnswerTooLarge'
/** Cuts the body of an error that is not a Status object, as from a proxy. */
const MAX_MESSAGE_LENGTH = 500
/** Requests that can be repeated when it is not known whether the server got them. */
const REPEATABLE = new Set(['GET', 'PATCH', 'DELETE'])

/** A request to an API server; `path` includes the query. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly accept?: string
  readonly contentType?: string
  readonly body?: object
  /** Called with the status of the answer, or with 0 when no complete answer came. */
  readonly onStatus: (status: number) => void
}

/**
 * Sends a request, and gives the parsed body. Throws KubeError for a status other than 2xx, for no answer in 15 s, and for
 * more than 16 MiB, which are not read.
 */
export async function callJson(access: Access, request: HttpRequest): Promise<unknown> {
  const body = await exchange(access, request, text)
  try {
    return JSON.parse(body) as unknown
  } catch (cause) {
    throw unreachable(access, 'what answers there is no API server', cause)
  }
}

/** Sends a request, and gives the body as a stream, which the caller destroys. Throws as callJson does. */
export function callStream(access: Access, request: HttpRequest): Promise<IncomingMessage> {
  return exchange(access, request, (response) => Promise.resolve(response))
}

/** The error for a server that gives no usable answer; `why` and the advice of the access are in its message. */
export function unreachable(access: Access, why: string, cause?: unknown): KubeError {
  const message = `the API server of ${access.place} can't be reached: ${why}; ${access.advice}`
  return new KubeError(message, 0, 'Unreachable', cause)
}

/** The message of a network error; of an AggregateError, the messages of all its errors. */
export function networkFault(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0)
    return thrown.errors.map(networkFault).join(', ')
  return messageOf(thrown)
}

/** Reads a body, unless it is too large. */
async function text(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MOST_BYTES) throw tooLarge() // leaving the loop destroys the response
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

/** The error for an answer that is larger than any that is read. */
export function tooLarge(): KubeError {
  return new KubeError(`the API server sent more than ${MOST_BYTES} bytes at once`, 0, TOO_LARGE)
}

interface Prepared {
  readonly outgoing: ClientRequest
  readonly body: Buffer | undefined
}

type Reader<T> = (response: IncomingMessage) => Promise<T>

async function exchange<T>(access: Access, request: HttpRequest, read: Reader<T>): Promise<T> {
  try {
    return await attempt(access, request, read)
  } catch (fault) {
    if (fault instanceof KubeError) throw fault
    request.onStatus(0)
    throw unreachable(access, networkFault(fault), fault)
  }
}

async function attempt<T>(access: Access, request: HttpRequest, read: Reader<T>): Promise<T> {
  const prepared = await prepare(access, request)
  const { outgoing } = prepared
  const deadline = new AbortController()
  deadline.signal.addEventListener('abort', () => outgoing.destroy())
  const timer = setTimeout(() => deadline.abort(), ANSWER_TIMEOUT_MS)
  try {
    const response = await answerOf(prepared)
    const { statusCode = 0 } = response
    request.onStatus(statusCode)
    if (statusCode < 200 || statusCode > 299) throw refusal(statusCode, await text(response))
    return await read(response)
  } catch (fault) {
    if (deadline.signal.aborted)
      throw new Error(`it gave no answer within ${ANSWER_TIMEOUT_MS / 1000} s`, { cause: fault })
    // The server closed the idle connection just when this request reused it.
    if (outgoing.reusedSocket && isReset(fault) && REPEATABLE.has(request.method))
      return await attempt(access, request, read)
    throw fault
  } finally {
    clearTimeout(timer)
  }
}

async function prepare(access: Access, request: HttpRequest): Promise<Prepared> {
  const { method, path, accept = 'application/json', contentType = 'application/json' } = request
  const { headers, agent } = await access.credentials()
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
  const options: RequestOptions = {
    method,
    agent,
    headers: {
      ...headers,
      Accept: accept,
      'User-Agent': 'jobico',
      // Node does not set the length of a DELETE's body by itself.
      ...(body === undefined ? {} : { 'Content-Type': contentType, 'Content-Length': body.length }),
    },
  }
  const url = new URL(access.server + path)
  const outgoing = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
  return { outgoing, body }
}

function answerOf({ outgoing, body }: Prepared): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject)
    outgoing.end(body)
  })
}

function isReset(fault: unknown): boolean {
  const code = fault instanceof Error && 'code' in fault ? fault.code : undefined
  return code === 'ECONNRESET' || code === 'EPIPE'
}

function refusal(status: number, body: string): KubeError {
  const { message, reason } = statusOf(body)
  const name = STATUS_CODES[status] ?? String(status)
  const words = message ?? (body.trim().slice(0, MAX_MESSAGE_LENGTH) || name)
  return new KubeError(words, status, reason ?? name.replaceAll(' ', ''))
}

/** The message and the reason of a body that is a Status object. */
function statusOf(body: string): { message?: string; reason?: string } {
  try {
    const { kind, message, reason } = JSON.parse(body) as Record<string, unknown>
    if (kind !== 'Status') return {}
    return {
      ...(typeof message === 'string' && message !== '' ? { message } : {}),
      ...(typeof reason === 'string' && reason !== '' ? { reason } : {}),
    }
  } catch {
    return {}
  }
}
