import { lookup } from 'node:dns'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'

import type { NeverSinks } from '../../process/never-sinks.ts'
import { ANSWER_BYTES } from './sink-answer.ts'

/** A request to a sink; `url` has no name and no password. */
export interface SinkRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly timeoutMs: number
}

/** What came back: the status, and of any but 2xx the start of the body. */
export interface SinkResponse {
  readonly status: number
  readonly retryAfter: string | null
  readonly start: Uint8Array
}

/** The address of a sink is one that never takes results. */
export class NeverSinkError extends Error {}

const AGENTS = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) }

/**
 * Posts to a sink, and follows no redirection. Names are looked up for each connection, and it goes only to the addresses that
 * are allowed then: what a name meant before does not count. Throws NeverSinkError, a TypeError for headers that can't be
 * sent, and an Error when there is no answer in time.
 */
export async function postOnce(request: SinkRequest, never: NeverSinks): Promise<SinkResponse> {
  const url = new URL(request.url)
  const why = never.host(url.hostname)
  if (why !== undefined) throw new NeverSinkError(`has ${why}`)
  const signal = AbortSignal.timeout(request.timeoutMs)
  try {
    return await answerTo(request, url, never, signal)
  } catch (fault) {
    throw signal.aborted ? signal.reason : fault
  }
}

async function answerTo(
  { headers, body }: SinkRequest,
  url: URL,
  never: NeverSinks,
  signal: AbortSignal,
): Promise<SinkResponse> {
  const [send, agent] =
    url.protocol === 'https:' ? [httpsRequest, AGENTS['https:']] : [httpRequest, AGENTS['http:']]
  for (let tries = 1; ; tries++) {
    const sent = send(url, {
      method: 'POST',
      agent,
      signal,
      lookup: allowedLookup(never),
      headers: { accept: '*/*', 'user-agent': 'jobico', ...headers, 'content-length': body.length },
    })
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        sent.on('response', resolve).on('error', reject)
        sent.end(body)
      })
      return await read(response)
    } catch (fault) {
      // The sink closed the idle connection just when this request reused it.
      if (tries > 1 || !sent.reusedSocket || !isReset(fault)) throw fault
    }
  }
}

async function read(response: IncomingMessage): Promise<SinkResponse> {
  const { statusCode = 0, headers } = response
  const retryAfter = headers['retry-after'] ?? null
  if (statusCode < 200 || statusCode > 299)
    return { status: statusCode, retryAfter, start: await startOf(response) }
  void startOf(response) // the status has come, and that decides; what is left of a short body frees the connection
  return { status: statusCode, retryAfter, start: new Uint8Array() }
}

/** The first bytes of a body, as far as they come before the request's time is over. Never rejects. */
async function startOf(response: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of response as AsyncIterable<Uint8Array>) {
      parts.push(part)
      size += part.length
      if (size >= ANSWER_BYTES) break
    }
  } catch {
    // The status has come, and that decides.
  }
  return Buffer.concat(parts).subarray(0, ANSWER_BYTES)
}

/** Looks a name up, and leaves out addresses that never are sinks. */
function allowedLookup(never: NeverSinks): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (fault, found) => {
      if (fault !== null) {
        callback(fault, [])
        return
      }
      const allowed = found.filter(({ address }) => never.address(address) === undefined)
      const [first] = allowed
      const [refused] = found
      if (first === undefined) callback(new NeverSinkError(refusalOf(never, refused?.address)), [])
      else if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

function refusalOf(never: NeverSinks, address: string | undefined): string {
  return address === undefined ? 'has no address' : `is at ${address}, ${never.address(address) ?? ''}`
}

function isReset(fault: unknown): boolean {
  const code = fault instanceof Error && 'code' in fault ? fault.code : undefined
  return code === 'ECONNRESET' || code === 'EPIPE'
}
