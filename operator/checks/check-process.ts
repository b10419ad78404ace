import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { FAULT_CHARS, NEWLINE, type CheckAnswer, type CheckHead, type CheckRequest } from './check-request.ts'

/** What a check process may take. */
export interface CheckLimits {
  /** How long one check may take, in milliseconds. */
  readonly deadlineMs: number
  /** The heap of JavaScript, in MiB. */
  readonly heapMiB: number
  /** All memory that the process may have of its own, in MiB. */
  readonly memoryMiB: number
}

/** Why there is no answer: the process took too long, wanted too much memory, or ended. */
export interface CheckFailure {
  readonly failed: 'late' | 'memory' | 'ended'
  /** What is known about it, for a log. */
  readonly detail: string
}

/** A process that checks one thing after another. */
export interface CheckProcess {
  /**
   * Asks about these bytes, once the last answer has come. After a failure the process is gone. Throws if it does not start,
   * which is no fault of what is checked.
   */
  ask(request: CheckRequest, bytes: Uint8Array, deadlineMs: number): Promise<CheckAnswer | CheckFailure>
  /** Whether it can be asked again. */
  isAlive(): boolean
  end(): void
}

/** No answer is longer. */
const MOST_ANSWER_BYTES = 64 * 1024
/** A machine that is busy takes long to start a process. */
const START_MS = 60_000
const STDERR_CHARS = 4_000
const KIBIBYTES = 1024
/** How often it is looked at what a process takes, in milliseconds. Much less than it takes to fill what the pod may have. */
const LOOK_MS = 20
/** Says in standard error that memory was short. */
const OUT_OF_MEMORY = /out of memory|allocation failed|failed to allocate|bad_alloc/i

/**
 * Starts a process with an empty environment, which may read the files of its own program and no others, may start no
 * process, and has these limits. Should the system be short of memory, it ends this process before others. Tests give it
 * another program.
 */
export function startCheckProcess(
  { heapMiB, memoryMiB }: Omit<CheckLimits, 'deadlineMs'>,
  { entry, folder }: Program = program(),
): CheckProcess {
  const options = [`--max-old-space-size=${heapMiB}`, '--permission', `--allow-fs-read=${folder}`]
  const child = spawn(process.execPath, [...options, entry], {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let told = ''
  let answered = Buffer.alloc(0)
  let isOver = false
  const started = Promise.withResolvers<undefined>()
  started.promise.catch(() => undefined) // whoever asks hears of it
  const startLimit = setTimeout(() => fail({ failed: 'late', detail: 'it took too long' }), START_MS)
  /** Ends the wait for the answer that is due. */
  let settle: ((outcome: CheckAnswer | CheckFailure | Error) => void) | undefined

  const over = (outcome: CheckFailure | Error) => {
    isOver = true
    clearTimeout(startLimit)
    const why = outcome instanceof Error ? outcome.message : outcome.detail
    started.reject(new Error(`a process that checks did not start: ${why}`))
    settle?.(outcome)
  }
  const fail = (outcome: CheckFailure | Error) => {
    child.kill('SIGKILL')
    over(outcome)
  }
  child.on('spawn', () => yieldToOthers(child.pid))
  child.on('error', (fault) => fail(fault))
  // Its end tells more than a write that fails.
  child.stdin.on('error', () => undefined)
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told = (told + text).slice(0, STDERR_CHARS)
  })
  child.stdout.on('data', (part: Buffer) => {
    answered = Buffer.concat([answered, part])
    if (answered[0] === NEWLINE) {
      clearTimeout(startLimit)
      started.resolve(undefined)
      answered = answered.subarray(1)
    }
    const end = answered.indexOf(NEWLINE)
    if (end < 0) {
      if (answered.length > MOST_ANSWER_BYTES) fail({ failed: 'ended', detail: 'it answered without an end' })
      return
    }
    const answer = readAnswer(answered.subarray(0, end).toString())
    answered = Buffer.alloc(0)
    if ('failed' in answer) fail(answer)
    else settle?.(answer)
  })
  child.on('close', (code, signal) => {
    over(failureOf(told, code, signal))
  })
  return {
    isAlive: () => !isOver,
    end() {
      isOver = true
      child.kill('SIGKILL')
    },
    async ask(request, bytes, deadlineMs) {
      await started.promise
      const head: CheckHead = { ...request, bytes: bytes.length }
      const answer = Promise.withResolvers<CheckAnswer | CheckFailure | Error>()
      settle = answer.resolve
      const timer = setTimeout(
        () => fail({ failed: 'late', detail: `no answer within ${deadlineMs / 1_000} s` }),
        deadlineMs,
      )
      const looks = setInterval(() => {
        const usedMiB = memoryOf(child.pid)
        if (usedMiB > memoryMiB) fail({ failed: 'memory', detail: `it took ${usedMiB} MiB` })
      }, LOOK_MS)
      child.stdin.write(`${JSON.stringify(head)}\n`)
      child.stdin.write(bytes)
      const outcome = await answer.promise
      clearTimeout(timer)
      clearInterval(looks)
      settle = undefined
      if (outcome instanceof Error) throw outcome
      return outcome
    },
  }
}

/** Reads an answer; a process that has been taken over could write anything. */
function readAnswer(line: string): CheckAnswer | CheckFailure {
  try {
    const { fault, emits } = JSON.parse(line) as { readonly fault?: unknown; readonly emits?: unknown }
    if (typeof fault === 'string') return { fault: fault.slice(0, FAULT_CHARS) }
    if (typeof emits === 'boolean') return { emits }
  } catch {
    // Not JSON.
  }
  return { failed: 'ended', detail: `it answered ${JSON.stringify(line.slice(0, 100))}` }
}

function failureOf(told: string, code: number | null, signal: NodeJS.Signals | null): CheckFailure {
  const detail = `${signal ?? `exit code ${code ?? 0}`}: ${told.trim().slice(0, 500)}`
  // Nobody here sent SIGKILL when this is reached, so the system was short of memory.
  return { failed: OUT_OF_MEMORY.test(told) || signal === 'SIGKILL' ? 'memory' : 'ended', detail }
}

/** The process is of less importance than any other here; where that can't be said, it goes on as it is. */
function yieldToOthers(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // It has ended already, or this is not Linux.
  }
}

/** The memory that a process has of its own, in MiB; 0 where that is not known. */
function memoryOf(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Math.round(Number(/^RssAnon:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) / KIBIBYTES)
  } catch {
    return 0 // it has ended already, or this is not Linux
  }
}

/** The file that a process runs, and the folder with all that it reads. */
export interface Program {
  readonly entry: string
  readonly folder: string
}

function program(): Program {
  const here = fileURLToPath(import.meta.url)
  const folder = dirname(here)
  return here.endsWith('.ts')
    ? { entry: join(folder, 'check-main.ts'), folder: join(folder, '..', '..', '/') }
    : { entry: join(folder, 'check-main.js'), folder: join(folder, '/') }
}
