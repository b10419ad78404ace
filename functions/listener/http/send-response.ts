import type { ServerResponse } from 'node:http'

import type { FastifyReply } from 'fastify'

import { problemResponse, type ResponseParts } from './responses.ts'
import type { LoadLimits } from './load-limits.ts'
import { asJobicoError } from './problem.ts'

/** How long a client may take to read an answer. */
const RESPONSE_TIMEOUT_MS = 15_000
const SWEEP_MS = 500
/** Answers up to this size are not limited, however many clients do not read them. */
const SMALL_RESPONSE = 4 * 1024

/**
 * Sends answers, and disconnects clients that do not read theirs in time. While too many bytes are unread, the slowest readers
 * of large answers are disconnected, or a large answer is replaced by TOO_MANY_REQUESTS.
 */
export interface ResponseSender {
  send(reply: FastifyReply, answer: ResponseParts): FastifyReply
  close(): void
}

/** Makes a sender. One timer serves all answers, so it costs each of them next to nothing. */
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
      const { status, headers, body } = bounded(answer, (bytes) => {
        answers.take(bytes, response)
        answers.mayEvict(response, () => response.destroy())
      })
      // A response that is closed already emits no other `close`, so it would stay in the map.
      if (!response.destroyed) {
        unread.set(response, performance.now() + RESPONSE_TIMEOUT_MS)
        response.once('close', () => unread.delete(response))
      }
      return reply.code(status).headers(headers).send(body)
    },
    close: () => clearInterval(sweep),
  }
}

/** The answer, or TOO_MANY_REQUESTS. A 202 is always sent, because sending accepted events again need not be safe. */
function bounded(answer: ResponseParts, take: (bytes: number) => void): ResponseParts {
  if (answer.body.length <= SMALL_RESPONSE || answer.status === 202) return answer
  try {
    take(Buffer.byteLength(answer.body))
    return answer
  } catch (thrown) {
    return problemResponse(asJobicoError(thrown))
  }
}
