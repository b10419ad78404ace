import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../../process/errors.ts'
import { checkModule, type CheckedModule, type CheckOptions } from './check.ts'

/** The workerData of a check: the module's bytes and the options. */
export interface CheckRequest extends CheckOptions {
  readonly bytes: Uint8Array
}

/** The message that the thread posts: the result, or why the module is invalid. */
export type CheckAnswer = CheckedModule | { readonly fault: string }

/** Checks the module; never throws. */
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
