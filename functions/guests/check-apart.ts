import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { JobicoError, messageOf } from '../shared/errors.ts'
import type { CheckAnswer, CheckRequest } from './check-worker.ts'
import { checkModule, type CheckedModule, type CheckOptions } from './check.ts'
import { shown } from './shown.ts'

/** The longest that a check may take, with the start of its thread on a busy machine; 54 MiB took four seconds. */
const LIMIT_MS = 30_000
/** The most that a check may hold on its heap; the bytes of modules are not on it. */
const LIMIT_MB = 512
/** A module that is checked in a few milliseconds: it is not worth a thread. */
const SMALL_BYTES = 256 * 1024

let last: Promise<unknown> = Promise.resolve()

/**
 * As checkModule, for a process that has to answer meanwhile: a large module is checked in a thread of its own, which is
 * ended when it takes too long; one after the other, so that many at a time take no more memory than one.
 */
export async function checkModuleApart(
  bytes: Uint8Array,
  options: CheckOptions,
  limitMs = LIMIT_MS,
): Promise<CheckedModule> {
  if (bytes.length <= SMALL_BYTES) return checkModule(bytes, options)
  const check = last.then(() => checkInThread({ bytes, ...options }, limitMs))
  last = check.catch(() => undefined)
  const answer = await check
  if ('fault' in answer) throw refused(options, answer.fault)
  return answer
}

async function checkInThread(request: CheckRequest, limitMs: number): Promise<CheckAnswer> {
  const bytes = request.bytes.slice() // to be handed over, since to have them cloned would copy them several times
  const worker = new Worker(besideThisFile(), {
    workerData: { ...request, bytes } satisfies CheckRequest,
    transferList: [bytes.buffer],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: LIMIT_MB },
  })
  try {
    const [answer] = (await once(worker, 'message', { signal: AbortSignal.timeout(limitMs) })) as [
      CheckAnswer,
    ]
    return answer
  } catch (cause) {
    const isLate = cause instanceof Error && cause.name === 'AbortError'
    const why = isLate
      ? `takes longer than ${limitMs / 1_000} s to check`
      : `can't be checked: ${messageOf(cause)}`
    throw refused(request, `${shown(request.name)} ${why}; make it smaller`, cause)
  } finally {
    void worker.terminate()
  }
}

function refused({ name }: CheckOptions, message: string, cause?: unknown): JobicoError {
  return new JobicoError('MODULE_INVALID', message, { cause, members: { module: name } })
}

function besideThisFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js', import.meta.url)
}
