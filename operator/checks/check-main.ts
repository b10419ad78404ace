import { parseJson } from '../../functions/cloudevents/json.ts'
import { JobicoError, messageOf } from '../../functions/process/errors.ts'
import { FAULT_CHARS, NEWLINE, type CheckAnswer, type CheckHead } from './check-request.ts'

/**
 * The entry of a check process: reads requests from standard input, each a line of JSON and then the bytes that it counts,
 * and answers each with a line of JSON. It has nothing of the operator: no environment, no token, and files of its own
 * program only. What is thrown here ends the process, and is told about what was checked.
 */

/** A request, and its bytes as far as they have come. */
interface Arriving {
  readonly request: CheckHead
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly filled: number
}

/** Answers what comes in; a request's bytes are kept once, and no longer than it takes to check them. */
async function serve(): Promise<void> {
  process.stdout.write('\n')
  let head = Buffer.alloc(0)
  let arriving: Arriving | undefined
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    if (arriving === undefined) {
      head = Buffer.concat([head, part])
      const end = head.indexOf(NEWLINE)
      if (end < 0) continue
      const request = JSON.parse(head.subarray(0, end).toString()) as CheckHead
      arriving = filledWith(
        { request, bytes: new Uint8Array(request.bytes), filled: 0 },
        head.subarray(end + 1),
      )
      head = Buffer.alloc(0)
    } else arriving = filledWith(arriving, part)
    if (arriving.filled < arriving.bytes.length) continue
    process.stdout.write(`${JSON.stringify(await answerTo(arriving.request, arriving.bytes))}\n`)
    arriving = undefined
  }
}

/** Adds bytes. No more come than the request says: the next request is sent when this one has its answer. */
function filledWith({ request, bytes, filled }: Arriving, part: Buffer): Arriving {
  bytes.set(part, filled)
  return { request, bytes, filled: filled + part.length }
}

async function answerTo(request: CheckHead, bytes: Uint8Array<ArrayBuffer>): Promise<CheckAnswer> {
  const answer = request.kind === 'schema' ? await checkSchema(bytes) : await checkModuleOf(request, bytes)
  if (!('fault' in answer)) return answer
  return { fault: answer.fault.slice(0, FAULT_CHARS).toWellFormed() }
}

async function checkSchema(bytes: Uint8Array<ArrayBuffer>): Promise<CheckAnswer> {
  let schema: unknown
  try {
    schema = parseJson(Buffer.from(bytes.buffer).toString()) // as the listener reads it, with a byte order mark if it has one
  } catch (thrown) {
    return { fault: `it is not JSON: ${messageOf(thrown)}` }
  }
  const { compileSchema } = await import('../../schemas/validator.ts') // not needed for modules
  return faultOf(() => {
    compileSchema(schema)
    return { emits: false }
  })
}

async function checkModuleOf(
  { name, memoryBytes }: Extract<CheckHead, { kind: 'module' }>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<CheckAnswer> {
  const { checkModule } = await import('../../functions/guests/check/check.ts') // not needed for schemas
  return faultOf(() => ({ emits: checkModule(bytes, { name, memoryBytes }).emits }))
}

/** The result of a check; anything thrown but a fault of what was checked ends the process. */
function faultOf(check: () => CheckAnswer): CheckAnswer {
  try {
    return check()
  } catch (thrown) {
    if (thrown instanceof JobicoError) return { fault: messageOf(thrown) }
    throw thrown
  }
}

void serve()
