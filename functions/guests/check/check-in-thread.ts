import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { JobicoError, messageOf } from '../../process/errors.ts'
import { createSerialQueue } from '../../process/serial-queue.ts'
import type { CheckAnswer, CheckRequest } from './check-worker.ts'
import { checkModule, type CheckedModule, type CheckOptions } from './check.ts'
import { printableName } from './printable-name.ts'

/** The longest that a check may take, with the start of its thread on a busy machine; 54 MiB took four seconds. */
const LIMIT_MS = 30_000
/** The most that a check may hold on its heap; the bytes of modules are not on it. */
const LIMIT_MB = 512
/** A module that is checked in a few milliseconds: it is not worth a thread. */
const SMALL_BYTES = 256 * 1024

/** How a module is checked apart. */
export interface CheckInThreadOptions extends CheckOptions {
  /** How long it may take, in milliseconds; 30 s by default. */
  readonly limitMs?: number
  /** The bytes are not needed by the caller any more: they may be gone afterwards, so that they need not be copied. */
  readonly handOver?: boolean
}

const inTurn = createSerialQueue()

/**
 * As checkModule, for a process that has to answer meanwhile: a large module is checked in a thread of its own, which is
 * ended when it takes too long; one after the other, so that many at a time take no more memory than one. Throws
 * MODULE_UNCHECKED where it came to no answer, which says nothing about the module.
 */
export async function checkModuleInThread(
  bytes: Uint8Array,
  options: CheckInThreadOptions,
): Promise<CheckedModule> {
  const { name, memoryBytes, limitMs = LIMIT_MS, handOver = false } = options
  if (bytes.length <= SMALL_BYTES) return checkModule(bytes, { name, memoryBytes })
  const answer = await inTurn(() => {
    // To have them cloned instead would copy them several times.
    const given = handOver ? bytes : new Uint8Array(bytes) // slice of a Buffer would be the same bytes
    return checkInThread({ bytes: given, name, memoryBytes }, limitMs)
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

/** That the heap was full is up to the module; all else that keeps a thread from answering may pass. */
function unanswered(name: string, limitMs: number, cause: unknown): JobicoError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const told = printableName(name)
  if (code === 'ERR_WORKER_OUT_OF_MEMORY')
    return faultOf('MODULE_INVALID', name, `${told} takes too much memory to check; make it smaller`, cause)
  const why =
    code === 'ABORT_ERR'
      ? `was not checked within ${limitMs / 1_000} s: try it again when there is less to do, or make it smaller`
      : `could not be checked: ${messageOf(cause)}; try it again`
  return faultOf('MODULE_UNCHECKED', name, `${told} ${why}`, cause)
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
