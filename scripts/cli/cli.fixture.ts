import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The Job file of the sample echo. */
export const ECHO_JOB = fileURLToPath(new URL('../../wasm-examples/echo/job.yaml', import.meta.url))
/** Data that echo's schema accepts. */
export const PERSON = { firstName: 'Andres', lastName: 'Costa' } as const

/** The program of the command line. */
export const CLI = fileURLToPath(new URL('../jobico.ts', import.meta.url))
/** When a command that hangs is ended; less than the limit of a test file, so that its last words are shown. */
const LIMIT_MS = 280_000

/** How a command ended. */
export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running command. */
export interface RunningCli {
  readonly pid: number
  /** Its standard output so far. */
  readonly output: () => string
  /** Resolves when its output matches, with the match; rejects when the command ends first. */
  waitFor(pattern: RegExp, from?: 'stdout' | 'stderr'): Promise<RegExpExecArray>
  readonly finished: Promise<Finished>
  signal(name: NodeJS.Signals): void
}

/** Starts the CLI from its sources in a folder. */
export function startCli(args: readonly string[], cwd: string, options?: ProgramOptions): RunningCli {
  return startProgram([CLI, ...args], cwd, options)
}

/** The standard input of a program, and variables in addition to those of this process. */
export interface ProgramOptions {
  readonly input?: string | undefined
  readonly environment?: Readonly<Record<string, string>>
}

/** The tests must not use the cluster of the person who runs them. */
const NO_CLUSTER = { KUBECONFIG: '/no/kubeconfig' }

/** Without coverage, processes need not load what tap would measure it with. */
const WITHOUT_TAP = process.env['_TAPJS_PROCESSINFO_COVERAGE_'] === '1' ? {} : { NODE_OPTIONS: '' }

/** Starts a JavaScript program, with its arguments, in a folder. */
export function startProgram(
  command: readonly string[],
  cwd: string,
  { input = '', environment = {} }: ProgramOptions = {},
): RunningCli {
  const child = spawn(process.execPath, [...command], {
    cwd,
    env: { ...process.env, ...WITHOUT_TAP, ...NO_CLUSTER, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  child.stdin.end(input)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text
    for (const check of waiting) check()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text
    for (const check of waiting) check()
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code) => {
      clearTimeout(limit)
      resolve({ code, ...out })
    })
  })
  return {
    pid: child.pid ?? NaN,
    output: () => out.stdout,
    finished,
    signal: (name) => void child.kill(name),
    waitFor: (pattern, from = 'stdout') =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(out[from])
          if (match === null) return
          waiting.delete(check)
          resolve(match)
        }
        waiting.add(check)
        check()
        void finished.then(() => {
          if (waiting.delete(check))
            reject(new Error(`no ${String(pattern)} in:\n${out.stdout}${out.stderr}`))
        })
      }),
  }
}

/** Runs the CLI to its end. */
export async function runCli(
  args: readonly string[],
  cwd: string,
  options?: ProgramOptions,
): Promise<Finished> {
  return await startCli(args, cwd, options).finished
}
