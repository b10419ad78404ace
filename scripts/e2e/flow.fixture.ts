import { setInterval } from 'node:timers'

import { messageOf } from '../../functions/process/errors.ts'
import { binaryEvent, send } from './http.fixture.ts'

/** What became of the requests of a flow. */
export interface Flowed {
  /** The keys of the events that were answered with 202. */
  readonly accepted: readonly string[]
  /** All other answers, and requests that were not answered. */
  readonly refused: readonly string[]
}

/** Events that are sent one after another at a steady rate, whether or not they are answered. */
export interface Flow {
  /** How many were answered with 202 so far. */
  acceptedSoFar(): number
  /** Sends no more, and gives what became of all that was sent. */
  stop(): Promise<Flowed>
}

const PER_SECOND = 20

/** Starts to send 20 events a second; the flow's owner stops it. */
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
