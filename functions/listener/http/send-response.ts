import type { ServerResponse } from 'node:http'

import type { FastifyReply } from 'fastify'

import { problemResponse, type ResponseParts } from './responses.ts'
import type { LoadLimits } from './load-limits.ts'
import { asJobicoError } from './problem.ts'

/** How long a client may take to read an answer, once that is there. */
const RESPONSE_TIMEOUT_MS = 15_000
const SWEEP_MS = 500
/** An answer up to this size is no burden, however many clients do not read it. */
const SMALL_RESPONSE = 4 * 1024

/** Sends answers, and cuts off clients that do not read theirs in time, or that many others do not read large ones beside. */
export interface ResponseSender {
  send(reply: FastifyReply, answer: ResponseParts): FastifyReply
  close(): void
}

/** Starts to watch over answers; one timer for all costs an answer next to nothing. */
export function createResponseSender({ responses: answers }: LoadLimits): ResponseSender {
  /** In the order in which they were sent. */
  const unread = new Map<ServerResponse, number>()
  const sweep = setInterval(() => {
    const now = performance.now()
    for (const [response, deadline] of unread) {
      if (deadline > now) break
      response.destroy()
      unread.delete(response)
    }
  }, SWEEP_MS)
  sweep.unref()
  return {
    send(reply, answer) {
      const response = reply.raw
      const { status, headers, body } = bounded(answer, (bytes) => answers.take(bytes, response))
      // One that is gone already has told so before, and would stay here.
      if (!response.destroyed) {
        unread.set(response, performance.now() + RESPONSE_TIMEOUT_MS)
        response.once('close', () => unread.delete(response))
      }
      return reply.code(status).headers(headers).send(body)
    },
    close: () => clearInterval(sweep),
  }
}

/** The answer, or one that there are too many. What is accepted is always said, since to send it again need not be safe. */
function bounded(answer: ResponseParts, take: (bytes: number) => void): ResponseParts {
  if (answer.body.length <= SMALL_RESPONSE || answer.status === 202) return answer
  try {
    take(Buffer.byteLength(answer.body))
    return answer
  } catch (thrown) {
    return problemResponse(asJobicoError(thrown))
  }
}
