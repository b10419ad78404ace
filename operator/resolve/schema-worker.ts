import { parentPort, workerData } from 'node:worker_threads'

import { messageOf } from '../../functions/process/errors.ts'
import { parseJson } from '../../functions/cloudevents/json.ts'
import { compileSchema } from '../../schemas/validator.ts'

/** The entry of a worker thread: compiles the given schema, and posts what is wrong with it, or null. */
function check(text: string): string | null {
  let schema: unknown
  try {
    schema = parseJson(text)
  } catch (thrown) {
    return `it is not JSON: ${messageOf(thrown)}`
  }
  try {
    compileSchema(schema)
    return null
  } catch (thrown) {
    return messageOf(thrown)
  }
}

parentPort?.postMessage(check(workerData as string))
