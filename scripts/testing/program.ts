import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

import { JobicoError } from '../../functions/process/errors.ts'

/** How to run a program. */
export interface ProgramOptions {
  readonly input?: string
  readonly cwd?: string
  readonly environment?: NodeJS.ProcessEnv
  /** Sends the output to that of this process; `Ended` then has none. */
  readonly show?: boolean
}

/** How a program ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. Throws when it can't be started. */
export function runProgram(
  command: string,
  args: readonly string[],
  { input = '', cwd, environment, show = false }: ProgramOptions = {},
): Promise<Ended> {
  const output = show ? 'inherit' : 'pipe'
  const child = spawn(command, [...args], { stdio: ['pipe', output, output], cwd, env: environment })
  const stdout = kept(child.stdout)
  const stderr = kept(child.stderr)
  child.stdin?.on('error', () => undefined) // when it ends without reading, its exit code says why
  child.stdin?.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout: stdout(), stderr: stderr() }))
  })
}

function kept(stream: Readable | null): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return () => text
}

/** Runs a program and returns its standard output. Throws INTERNAL with its output when its exit code is not 0. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command, args, options)
  if (code === 0) return stdout
  throw new JobicoError(
    'INTERNAL',
    `${[command, ...args].join(' ')} ended with ${String(code)}: ${stderr || stdout || 'see above'}`,
  )
}
