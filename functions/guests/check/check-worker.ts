import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../../process/errors.ts'
import { checkModule, type CheckedModule, type CheckOptions } from './check.ts'

/** What the thread of a check is started with. */
export interface CheckRequest extends CheckOptions {
  readonly bytes: Uint8Array
}

/** What it answers with. */
export type CheckAnswer = CheckedModule | { readonly fault: string }

/** A thread: checks the module that it is given, and answers once. */
function check({ bytes, ...options }: CheckRequest): CheckAnswer {
  try {
    return checkModule(bytes, options)
  } catch (thrown) {
    return { fault: messageOf(thrown) }
  }
}

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const answer = check(workerData as CheckRequest)
parentPort.postMessage(answer, 'fault' in answer ? [] : [answer.bytes.buffer])
