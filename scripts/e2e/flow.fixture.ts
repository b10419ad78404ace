import { setInterval } from 'node:timers'

import { messageOf } from '../../functions/process/errors.ts'
import { binaryEvent, send } from './http.fixture.ts'

/** The answers to the requests of a flow. */
export interface Flowed {
  /** The keys of the events that were answered with 202. */
  readonly accepted: readonly string[]
  /** All other answers, and requests that were not answered. */
  readonly refused: readonly string[]
}

/** Sends events at a steady rate, without waiting for answers. */
export interface Flow {
  /** How many requests were answered with 202 so far. */
  acceptedSoFar(): number
  /** Stops sending, waits for all answers, and returns them. */
  stop(): Promise<Flowed>
}

const PER_SECOND = 20

/** Starts to send 20 events a second; the caller has to stop it. */
export function startFlow(url: string, dataOf: (n: number) => unknown): Flow {
  const accepted: string[] = []
  const refused: string[] = []
  const sent: Promise<void>[] = []
  const sendOne = async (n: number) => {
    const event = binaryEvent(dataOf(n))
    try {
      const { status, text } = await send(url, event)
      if (status === 202) accepted.push(event.key)
      else refused.push(`${status} ${text}`)
    } catch (thrown) {
      refused.push(messageOf(thrown))
    }
  }
  const timer = setInterval(() => sent.push(sendOne(sent.length)), 1_000 / PER_SECOND)
  return {
    acceptedSoFar: () => accepted.length,
    async stop() {
      clearInterval(timer)
      await Promise.all(sent)
      return { accepted, refused }
    },
  }
}
