import { randomUUID } from 'node:crypto'
import { Agent, request, type IncomingHttpHeaders } from 'node:http'

import { eventKey } from '../../functions/queues/names.ts'
import { eventually } from '../testing/eventually.fixture.ts'

/** The address of the cluster's ingress within the cluster's network namespace. It routes by Host. */
export const INGRESS = { host: '127.0.0.1', port: 8000 }
const TIMEOUT_MS = 60_000
const agent = new Agent({ keepAlive: true })

/** A request to send. */
export interface Outgoing {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The answer to a request. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Sends a request to a URL whose name only the ingress knows. */
export function send(
  url: string,
  { method = 'POST', headers = {}, body = '' }: Outgoing = {},
): Promise<Answer> {
  const { host, pathname, search } = new URL(url)
  const size = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...INGRESS, agent, method, path: `${pathname}${search}`, headers: { ...headers, ...size, host } },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => (text += chunk))
        incoming.once('error', reject)
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
        )
      },
    )
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error(`${url} did not answer in time`)))
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

/**
 * Whether the ingress routes an address by now. Traefik loads its routes up to a second after it has reported them as ready,
 * and answers with a plain 404 of its own until then.
 */
export async function routed(url: string): Promise<boolean> {
  return !isUnrouted(await send(new URL('/health/live', url).href, { method: 'GET' }))
}

/** Whether an answer is the ingress's own 404 for an address that it does not route. */
function isUnrouted({ status, headers }: Answer): boolean {
  return status === 404 && headers['content-type'] !== 'application/problem+json'
}

/** The body of an answer as JSON. */
export function jsonOf({ text }: Answer): unknown {
  return JSON.parse(text)
}

const SOURCE = '/e2e'

/** A CloudEvent in binary mode, and its key. */
export function binaryEvent(
  data: unknown,
  more: Readonly<Record<string, string>> = {},
): Outgoing & { readonly key: string } {
  const id = randomUUID()
  return {
    key: eventKey(SOURCE, id),
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-source': SOURCE,
      'ce-type': 'e2e.made',
      ...more,
    },
    body: JSON.stringify(data),
  }
}

/** The attributes and data of a CloudEvent in structured mode, and its key. */
export function structuredEvent(data: unknown): { readonly key: string; readonly event: object } {
  const id = randomUUID()
  return {
    key: eventKey(SOURCE, id),
    event: {
      specversion: '1.0',
      id,
      source: SOURCE,
      type: 'e2e.made',
      datacontenttype: 'application/json',
      data,
    },
  }
}

/**
 * Sends one CloudEvent and returns its key. Throws unless the answer is 202. When another listener takes an address over,
 * the ingress may have no route to it for a moment: then the event is sent again.
 */
export async function accepted(
  url: string,
  data: unknown,
  more?: Readonly<Record<string, string>>,
): Promise<string> {
  const event = binaryEvent(data, more)
  const { status, text } = await eventually(`the ingress leads to ${url}`, async () => {
    const answer = await send(url, event)
    return isUnrouted(answer) ? undefined : answer
  })
  if (status !== 202) throw new Error(`${url} answered ${status}: ${text}`)
  return event.key
}
