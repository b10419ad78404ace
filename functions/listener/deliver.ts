import type { FastifyReply } from 'fastify'

import { problemAnswer, type Answer } from './answer.ts'
import type { Load } from './load.ts'
import { asJobicoError } from './problem.ts'

/** How long a client may take to read an answer, once that is there. */
const ANSWER_TIMEOUT_MS = 15_000
/** An answer up to this size is no burden, however many clients do not read it. */
const SMALL_ANSWER = 4 * 1024

/** Sends an answer, and cuts off a client that does not read it in time, or that many others do not read large ones beside. */
export function deliver(reply: FastifyReply, answer: Answer, { answers }: Load): FastifyReply {
  const { status, headers, body } = bounded(answer, (bytes) => answers.take(bytes, reply.raw))
  const timer = setTimeout(() => reply.raw.destroy(), ANSWER_TIMEOUT_MS).unref()
  reply.raw.once('close', () => {
    clearTimeout(timer)
  })
  return reply.code(status).headers(headers).send(body)
}

/** The answer, or one that there are too many. What is accepted is always said, since to send it again need not be safe. */
function bounded(answer: Answer, take: (bytes: number) => void): Answer {
  if (answer.body.length <= SMALL_ANSWER || answer.status === 202) return answer
  try {
    take(Buffer.byteLength(answer.body))
    return answer
  } catch (thrown) {
    return problemAnswer(asJobicoError(thrown))
  }
}
