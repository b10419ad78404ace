import { Worker } from 'node:worker_threads'

import { entryUrl } from '../dev/processes/entry-points.ts'
import type { GuestAnswer, GuestTask } from './guest-thread.ts'
import type { ExecutionResult } from './guest.ts'

/** Runs one event on its own thread, and stops the execution after `timeoutMs`. Rejects if the module can not run. */
export function runApart(task: GuestTask, timeoutMs: number): Promise<ExecutionResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ExecutionResult>()
  const worker = new Worker(entryUrl('guest'), {
    workerData: task,
    env: {},
    resourceLimits: { stackSizeMb: 4 },
  })
  let timer: NodeJS.Timeout | undefined
  worker.on('message', (answer: GuestAnswer) => {
    if (answer.kind === 'begun') timer = setTimeout(() => resolve(timedOut(timeoutMs)), timeoutMs)
    else resolve({ outcome: answer.outcome, lines: answer.lines })
  })
  worker.on('error', reject)
  worker.on('exit', () => reject(new Error('the thread of the execution died')))
  return promise.finally(() => {
    clearTimeout(timer)
    void worker.terminate()
  })
}

function timedOut(timeoutMs: number): ExecutionResult {
  const reason = `the execution took longer than timeoutSeconds (${timeoutMs / 1_000} s) and was stopped`
  return { outcome: { kind: 'retry', code: 'TIMEOUT', reason }, lines: [] }
}
