import { parseJson } from '../../functions/cloudevents/json.ts'
import { JobicoError, messageOf } from '../../functions/process/errors.ts'
import { FAULT_CHARS, type CheckAnswer, type CheckHead } from './check-request.ts'

/**
 * The entry of a check process: reads requests from standard input, each a line of JSON and then the bytes that it counts,
 * and answers each with a line of JSON. It has nothing of the operator: no environment, no token, and files of its own
 * program only. What is thrown here ends the process, and is told about what was checked.
 */

const NEWLINE = 10

/** Reads standard input; a request's bytes are kept once, and no longer than it takes to check them. */
async function serve(): Promise<void> {
  let head = Buffer.alloc(0)
  let wanted: { readonly request: CheckHead; readonly bytes: Uint8Array<ArrayBuffer>; filled: number } | undefined
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    let rest = part
    while (rest.length > 0 || (wanted !== undefined && wanted.filled === wanted.bytes.length)) {
      if (wanted === undefined) {
        const end = rest.indexOf(NEWLINE)
        head = Buffer.concat([head, end < 0 ? rest : rest.subarray(0, end)])
        if (end < 0) break
        const request = JSON.parse(head.toString()) as CheckHead
        head = Buffer.alloc(0)
        wanted = { request, bytes: new Uint8Array(request.bytes), filled: 0 }
        rest = rest.subarray(end + 1)
      }
      const taken = rest.subarray(0, wanted.bytes.length - wanted.filled)
      wanted.bytes.set(taken, wanted.filled)
      wanted.filled += taken.length
      rest = rest.subarray(taken.length)
      if (wanted.filled < wanted.bytes.length) break
      const { request, bytes } = wanted
      wanted = undefined
      process.stdout.write(`${JSON.stringify(await answerTo(request, bytes))}\n`)
    }
  }
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
