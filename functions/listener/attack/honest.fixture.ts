import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { eventKey } from '../../queues/names.ts'
import { freshId, JSON_TYPE, PERSON } from '../listener.fixture.ts'

/** What honest senders were answered. */
export interface Honest {
  /** How often each status came; the code of the error where there was no answer. */
  readonly statuses: ReadonlyMap<number | string, number>
  /** The keys of the events that were answered with 202. */
  readonly accepted: readonly string[]
  /** How long the answers to events took, in milliseconds, the shortest first. */
  readonly times: readonly number[]
}

const PAUSE_MS = 20
const SOURCE = '/honest'
/** As large as in a usual batch of data; most events are small. */
const LARGE = 60_000
const LARGE_EACH = 5

/** A request to a port of loopback. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * Sends events, small and large ones, and asks for a state after each, until the signal aborts: one sender over a connection that
 * it keeps, and one over a new connection for each request.
 */
export async function sendHonestly(port: number, signal: AbortSignal): Promise<Honest> {
  const statuses = new Map<number | string, number>()
  const accepted: string[] = []
  const times: number[] = []
  const count = (status: number | string) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
  const sender = async (keepAlive: boolean) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 })
    for (let n = 1; !signal.aborted; n++) {
      const id = freshId()
      const key = eventKey(SOURCE, id)
      const began = performance.now()
      const status = await answerOf(port, agent, eventOf(id, n % LARGE_EACH === 0))
      times.push(performance.now() - began)
      count(status)
      if (status === 202) accepted.push(key)
      const state = await answerOf(port, agent, {
        ...{ method: 'GET', path: `/events/${key}`, headers: {}, body: '' },
      })
      if (state !== 200) count(`GET ${state}`)
      await delay(PAUSE_MS)
    }
    agent.destroy()
  }
  await Promise.all([sender(true), sender(false)])
  return { statuses, accepted, times: times.sort((a, b) => a - b) }
}

function eventOf(id: string, large: boolean): Sent {
  const data = large ? { ...PERSON, lastName: 'x'.repeat(LARGE) } : PERSON
  const attributes = { 'ce-specversion': '1.0', 'ce-type': 'a', 'ce-source': SOURCE, 'ce-id': id }
  const headers = { ...attributes, 'content-type': JSON_TYPE }
  return { method: 'POST', path: '/', headers, body: JSON.stringify(data) }
}

/** Sends a request; gives the status of the answer, or the code of the error in its place. */
export function answerOf(port: number, agent: Agent, { body, ...sent }: Sent): Promise<number | string> {
  return new Promise((resolve) => {
    const outgoing = request({ agent, host: '127.0.0.1', port, ...sent }, (incoming) => {
      incoming.resume()
      incoming.once('end', () => resolve(incoming.statusCode ?? 0))
      incoming.once('error', (fault: NodeJS.ErrnoException) => resolve(fault.code ?? 'ERROR'))
    })
    outgoing.once('error', (fault: NodeJS.ErrnoException) => resolve(fault.code ?? 'ERROR'))
    outgoing.end(body)
  })
}

/** The time that 99 of 100 do not exceed; `times` are sorted. */
export function percentile99(times: readonly number[]): number {
  return times[Math.ceil(times.length * 0.99) - 1] ?? NaN
}
