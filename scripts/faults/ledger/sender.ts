import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { eventKey } from '../../../functions/queues/names.ts'
import type { Action } from './audit.ts'
import type { Random } from './random.ts'

/** The address to send to; `virtualHost` is the Host header by which an ingress routes. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly virtualHost?: string
}

/** The answer to one request. */
export interface Answer {
  /** The status, or the code of the error when no answer came, such as ECONNRESET. */
  readonly status: number | string
  readonly ms: number
  /** When it came, by `performance.now()`. */
  readonly endedAt: number
  readonly retryAfter: string | undefined
  readonly duplicate: boolean
}

/** An event that is being sent, with its answers so far. */
export interface Sent {
  readonly id: string
  readonly key: string
  readonly action: Action
  readonly answers: readonly Answer[]
  readonly accepted: boolean
}

/** How to send. */
export interface SenderOptions {
  /** Where to send the next request; undefined when nobody listens, which counts as a refused connection. */
  readonly target: () => Target | undefined
  readonly perSecond: number
  readonly random: Random
  /** What events ask for, chosen at random; by default mostly `ok`. */
  readonly actions?: readonly [Action, ...Action[]]
  /** More members for each event's data. */
  readonly data?: object
  /** Whether to send an event again, with the same id, until the answer is 202; true by default. */
  readonly again?: boolean
  /** The prefix of the ids, so that the ids of two senders differ. */
  readonly prefix?: string
  /** The most events without a 202; at that number no new event is begun. Default: 300. */
  readonly mostInFlight?: number
}

/** Sends events to a listener at a steady rate, each with an id of its own, as long as most are answered. */
export interface Sender {
  readonly sent: readonly Sent[]
  /** Begins no new event. Resolves when each has been answered with 202; gives up after `limitMs`. */
  stop(limitMs?: number): Promise<readonly Sent[]>
}

const MOSTLY_OK: readonly [Action, ...Action[]] = [
  'ok',
  ...Array.from({ length: 15 }, (): Action => 'ok'),
  ...(['reject', 'retry', 'trap', 'spin'] as const),
]
const SOURCE = '/faults'
/** With more events without a 202, the machine would do nothing but send them again. */
const MOST_IN_FLIGHT = 300
const TICK_MS = 10
const AGAIN_MS = 150
const TIMEOUT_MS = 10_000
const STOP_LIMIT_MS = 60_000
/** The statuses after which the same request may succeed later. */
const LATER: readonly (number | string)[] = [408, 429, 500, 502, 503, 504]

interface Open {
  readonly id: string
  readonly key: string
  readonly action: Action
  readonly answers: Answer[]
  accepted: boolean
}

/** Starts to send; the caller has to stop it. Each request has its own connection, so that none fails because of another. */
export function startSender(options: SenderOptions): Sender {
  const { perSecond, random, actions = MOSTLY_OK, again = true, prefix = 'event' } = options
  const { mostInFlight = MOST_IN_FLIGHT } = options
  const sent: Open[] = []
  const inFlight = new Set<Promise<void>>()
  let skipped = 0
  const over = new AbortController()
  const started = performance.now()

  const send = async (event: Open) => {
    for (;;) {
      const answer = await post(options, event)
      event.answers.push(answer)
      if (answer.status === 202) event.accepted = true
      const isFinal = typeof answer.status === 'number' && !LATER.includes(answer.status)
      if (isFinal || !again || over.signal.aborted) return
      await delay(AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined)
    }
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1_000) * perSecond)
    while (sent.length + skipped < due) {
      if (inFlight.size >= mostInFlight) {
        skipped++
        continue
      }
      const id = `${prefix}-${sent.length}`
      const event = {
        id,
        key: eventKey(SOURCE, id),
        action: random.pick(actions),
        answers: [],
        accepted: false,
      }
      sent.push(event)
      const task = send(event).finally(() => inFlight.delete(task))
      inFlight.add(task)
    }
  }, TICK_MS)
  return {
    sent,
    async stop(limitMs = STOP_LIMIT_MS) {
      clearInterval(timer)
      const limit = setTimeout(() => over.abort(), limitMs)
      await Promise.all(inFlight)
      clearTimeout(limit)
      return sent
    },
  }
}

const agent = new Agent({ keepAlive: false })

/** Sends one event once, as a binary CloudEvent. Never rejects. */
export function post(
  { target, data = {} }: Pick<SenderOptions, 'target' | 'data'>,
  event: Pick<Open, 'id' | 'action'>,
): Promise<Answer> {
  const began = performance.now()
  const place = target()
  const answer = (status: Answer['status'], more: Partial<Answer> = {}): Answer => ({
    status,
    ms: performance.now() - began,
    endedAt: performance.now(),
    retryAfter: undefined,
    duplicate: false,
    ...more,
  })
  if (place === undefined) return Promise.resolve(answer('ECONNREFUSED'))
  const body = JSON.stringify({ do: event.action, ...data })
  return new Promise((resolve) => {
    const { host, port, path, virtualHost } = place
    const headers = {
      ...headersOf(event.id, body),
      ...(virtualHost === undefined ? {} : { host: virtualHost }),
    }
    const outgoing = request({ agent, host, port, path, method: 'POST', headers }, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      incoming.once('error', (fault: NodeJS.ErrnoException) => resolve(answer(fault.code ?? 'ERROR')))
      incoming.once('end', () => {
        const { statusCode = 0, headers: fields } = incoming
        resolve(
          answer(statusCode, {
            retryAfter: fields['retry-after'],
            duplicate: statusCode === 202 && text.includes('"duplicate":true'),
          }),
        )
      })
    })
    outgoing.setTimeout(TIMEOUT_MS, () =>
      outgoing.destroy(Object.assign(new Error('silent'), { code: 'SILENT' })),
    )
    outgoing.once('error', (fault: NodeJS.ErrnoException) => resolve(answer(fault.code ?? 'ERROR')))
    outgoing.end(body)
  })
}

function headersOf(id: string, body: string) {
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': SOURCE,
    'ce-type': 'faults.made',
  }
}
