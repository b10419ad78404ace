import type { CheckAnswer, CheckRequest } from './check-request.ts'
import { startCheckProcess, type CheckFailure, type CheckLimits, type CheckProcess } from './check-process.ts'

/** Checks what users have written, in processes that know nothing of the operator. */
export interface Checker {
  /**
   * Checks bytes of a tenant, one at a time for each. What a tenant sends ends at most a process that has had nothing of
   * another. Throws if no process can be started.
   */
  check(tenant: string, request: CheckRequest, bytes: Uint8Array): Promise<CheckAnswer | CheckFailure>
  /** Ends all processes. */
  close(): void
}

/** A schema has what it has always had. */
const SCHEMA: CheckLimits = { deadlineMs: 10_000, heapMiB: 160, memoryMiB: 256 }
const MODULE: CheckLimits = { deadlineMs: 30_000, heapMiB: 160, memoryMiB: 256 }
/** 62 MiB took ten seconds and 174 MiB on a busy machine. */
const LARGE_MODULE: CheckLimits = { deadlineMs: 60_000, heapMiB: 384, memoryMiB: 512 }
const LARGE_BYTES = 4 * 2 ** 20
/** A process that waits for more of its tenant is ended after this time, in milliseconds. */
const IDLE_MS = 2_000
/** A process is replaced after this many checks. */
const MOST_CHECKS = 100

/** Whether bytes are so many that their check needs more memory than others. */
export function isLarge(bytes: number): boolean {
  return bytes > LARGE_BYTES
}

/** What a check of so many bytes may take. Pure. */
export function limitsOf({ kind }: CheckRequest, bytes: number): CheckLimits {
  if (kind === 'schema') return SCHEMA
  return isLarge(bytes) ? LARGE_MODULE : MODULE
}

interface Idle {
  readonly process: CheckProcess
  readonly checks: number
  readonly timer: NodeJS.Timeout
}

interface Check {
  readonly tenant: string
  readonly request: CheckRequest
  readonly bytes: Uint8Array
  readonly limits: CheckLimits
  readonly isUsual: boolean
}

/** Makes a checker; `deadlineMs` is for tests that can't wait. */
export function createChecker({ deadlineMs }: { readonly deadlineMs?: number } = {}): Checker {
  /** Processes that have checked something, by their tenant. */
  const idle = new Map<string, Idle>()
  const running = new Set<CheckProcess>()
  let isClosed = false

  const take = (tenant: string): Pick<Idle, 'process' | 'checks'> | undefined => {
    const found = idle.get(tenant)
    if (found === undefined) return undefined
    clearTimeout(found.timer)
    idle.delete(tenant)
    return found.process.isAlive() ? found : undefined
  }
  /** Ends the processes that wait, so that no more run than there are checks. */
  const endIdle = () => {
    for (const tenant of [...idle.keys()]) take(tenant)?.process.end()
  }
  const giveBack = (tenant: string, process: CheckProcess, checks: number) => {
    if (!process.isAlive() || checks >= MOST_CHECKS) {
      process.end()
      return
    }
    const timer = setTimeout(() => take(tenant)?.process.end(), IDLE_MS)
    timer.unref()
    idle.set(tenant, { process, checks, timer })
  }
  const askIn = async ({ process, checks }: Pick<Idle, 'process' | 'checks'>, check: Check) => {
    const { tenant, request, bytes, limits, isUsual } = check
    running.add(process)
    try {
      const answer = await process.ask(request, bytes, deadlineMs ?? limits.deadlineMs)
      if (isUsual) giveBack(tenant, process, checks + 1)
      else process.end()
      return answer
    } finally {
      running.delete(process)
    }
  }
  return {
    async check(tenant, request, bytes) {
      if (isClosed) throw new Error('nothing is checked any more: the operator stops')
      const limits = limitsOf(request, bytes.length)
      const isUsual = limits !== LARGE_MODULE
      const used = isUsual ? take(tenant) : undefined
      if (used !== undefined) {
        const answer = await askIn(used, { tenant, request, bytes, limits, isUsual })
        // What was checked in it before may have been the cause.
        if (!('failed' in answer) || answer.failed === 'late') return answer
      }
      endIdle()
      const made = { process: startCheckProcess(limits), checks: 0 }
      return await askIn(made, { tenant, request, bytes, limits, isUsual })
    },
    close() {
      isClosed = true
      endIdle()
      for (const process of running) process.end()
    },
  }
}
