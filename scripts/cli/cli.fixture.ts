import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The echo sample, as the original system has it. */
export const ECHO_JOB = fileURLToPath(new URL('../../wasm-examples/echo/job.yaml', import.meta.url))
/** Data that echo's schema accepts. */
export const PERSON = { firstName: 'Andres', lastName: 'Costa' } as const

const CLI = fileURLToPath(new URL('../jobico.ts', import.meta.url))
const LIMIT_MS = 100_000

/** How a command ended. */
export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
export interface RunningCli {
  readonly pid: number
  /** All that it wrote on standard output so far. */
  readonly output: () => string
  /** Resolves when standard output matches, with the match; rejects when the command ends first. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  readonly finished: Promise<Finished>
  signal(name: NodeJS.Signals): void
}

/** Starts the CLI from its sources in a folder. */
export function startCli(args: readonly string[], cwd: string, options?: ProgramOptions): RunningCli {
  return startProgram([CLI, ...args], cwd, options)
}

/** What a program reads on standard input, and variables beside those of this process. */
export interface ProgramOptions {
  readonly input?: string | undefined
  readonly environment?: Readonly<Record<string, string>>
}

/** Whose tests run here may have a cluster, which is none of theirs. */
const NO_CLUSTER = { KUBECONFIG: '/no/kubeconfig' }

/** Starts a program of JavaScript with its arguments in a folder. */
export function startProgram(
  command: readonly string[],
  cwd: string,
  { input = '', environment = {} }: ProgramOptions = {},
): RunningCli {
  const child = spawn(process.execPath, [...command], {
    cwd,
    env: { ...process.env, ...NO_CLUSTER, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  child.stdin.end(input)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text
    for (const look of waiting) look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (out.stderr += text))
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
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(out.stdout)
          if (match === null) return
          waiting.delete(look)
          resolve(match)
        }
        waiting.add(look)
        look()
        void finished.then(() => {
          if (waiting.delete(look)) reject(new Error(`no ${String(pattern)} in:\n${out.stdout}${out.stderr}`))
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
