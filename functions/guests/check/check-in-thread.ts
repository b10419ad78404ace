import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { JobicoError, messageOf } from '../../process/errors.ts'
import { createSerialQueue } from '../../process/serial-queue.ts'
import type { CheckAnswer, CheckRequest } from './check-worker.ts'
import { checkModule, type CheckedModule, type CheckOptions } from './check.ts'
import { printableName } from './printable-name.ts'

/** How long a check may take, including the start of its thread on a busy machine; 54 MiB took four seconds. */
const LIMIT_MS = 30_000
/** The heap that the thread of a check may have; the bytes of the module are not on it. */
const LIMIT_MB = 512
/** Up to this size a module is checked in this thread: it takes only a few milliseconds. */
const SMALL_BYTES = 256 * 1024

/** Options of a check in a worker thread. */
export interface CheckInThreadOptions extends CheckOptions {
  /** How long it may take, in milliseconds; 30 s by default. */
  readonly limitMs?: number
  /** The caller does not need the bytes any more. They are transferred to the thread, without a copy. */
  readonly handOver?: boolean
}

const inTurn = createSerialQueue()

/**
 * As checkModule, for a process that must not block: a large module is checked in a worker thread, which is terminated when
 * it takes too long. One module is checked at a time, so that many need no more memory than one. Throws MODULE_UNCHECKED
 * when there is no result, which says nothing about the module.
 */
export async function checkModuleInThread(
  bytes: Uint8Array,
  options: CheckInThreadOptions,
): Promise<CheckedModule> {
  const { name, memoryBytes, limitMs = LIMIT_MS, handOver = false } = options
  if (bytes.length <= SMALL_BYTES) return checkModule(bytes, { name, memoryBytes })
  const answer = await inTurn(() => {
    // Copied once and then transferred: structured cloning would copy the bytes several times.
    const own = handOver ? bytes : new Uint8Array(bytes) // not slice(), which shares the bytes of a Buffer
    return checkInThread({ bytes: own, name, memoryBytes }, limitMs)
  })
  if ('fault' in answer) throw faultOf('MODULE_INVALID', name, answer.fault)
  return answer
}

async function checkInThread(request: CheckRequest, limitMs: number): Promise<CheckAnswer> {
  let worker: Worker | undefined
  try {
    worker = new Worker(besideThisFile(), {
      workerData: request,
      transferList: [request.bytes.buffer as ArrayBuffer],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: LIMIT_MB },
    })
    const [answer] = (await once(worker, 'message', { signal: AbortSignal.timeout(limitMs) })) as [
      CheckAnswer,
    ]
    return answer
  } catch (cause) {
    throw unanswered(request.name, limitMs, cause)
  } finally {
    void worker?.terminate()
  }
}

/** The error of a check without a result: a full heap is the module's fault, any other cause may be temporary. */
function unanswered(name: string, limitMs: number, cause: unknown): JobicoError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const shown = printableName(name)
  if (code === 'ERR_WORKER_OUT_OF_MEMORY')
    return faultOf('MODULE_INVALID', name, `${shown} takes too much memory to check; make it smaller`, cause)
  const why =
    code === 'ABORT_ERR'
      ? `was not checked within ${limitMs / 1_000} s: try it again when there is less to do, or make it smaller`
      : `could not be checked: ${messageOf(cause)}; try it again`
  return faultOf('MODULE_UNCHECKED', name, `${shown} ${why}`, cause)
}

function faultOf(
  code: 'MODULE_INVALID' | 'MODULE_UNCHECKED',
  name: string,
  message: string,
  cause?: unknown,
): JobicoError {
  return new JobicoError(code, message, { cause, members: { module: name } })
}

function besideThisFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js', import.meta.url)
}
