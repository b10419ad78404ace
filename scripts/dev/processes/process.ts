import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

import type { ChildSpec } from '../desired-processes.ts'
import { parseChildLine, type ChildLine, type Show } from '../output/report.ts'

/** The log messages that mean a child serves. A listener logs its port before. */
const READY_MESSAGES: readonly string[] = ['Connected to NATS', 'Ready']

/** A process whose output is read, with an IPC channel. */
export type Process = ChildProcessByStdio<null, Readable, Readable>

/** How to start children and show their output. */
export interface Launching {
  readonly launch: (spec: ChildSpec) => Process
  readonly show: Show
}

/**
 * Starts a Node program in its own process group, so that a terminal's Ctrl-C reaches only this process. It has an IPC
 * channel, and so notices when this process dies.
 */
export function startProcess(
  entry: string,
  environment: Readonly<Record<string, string | undefined>>,
): Process {
  return spawn(process.execPath, [entry], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  }) as Process
}

/** One process of a child. */
export interface ChildRun {
  readonly pid: number | undefined
  /** Resolves when it serves, with its port if it has one. Never rejects, and stays pending if it ends before. */
  readonly ready: Promise<number | undefined>
  /** Resolves when it has ended, with the reason for people. */
  readonly ended: Promise<string>
  /** Sends SIGTERM, after `limitMs` SIGKILL, and resolves when it has ended. */
  stop(limitMs: number): Promise<void>
  /** Sends SIGKILL. */
  kill(): void
}

/** Starts a child, and reads its output until it ends. */
export function runChild(spec: ChildSpec, { launch, show }: Launching): ChildRun {
  const child = launch(spec)
  const ready = Promise.withResolvers<number | undefined>()
  let port: number | undefined
  const fatal = readLog(child.stdout, (line) => {
    port = portOf(line) ?? port
    if (READY_MESSAGES.includes(line.msg)) ready.resolve(port)
    show({ kind: 'line', line: { ...line, component: spec.component, event: spec.event } })
  })
  const errorOutput = readErrors(child.stderr)
  const ended = endOf(child).then((how) => fatal() ?? errorOutput() ?? how)
  return {
    pid: child.pid,
    ready: ready.promise,
    ended,
    async stop(limitMs) {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
      await ended
      clearTimeout(timer)
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

function portOf({ msg, port }: ChildLine): number | undefined {
  return msg === 'Listening' && typeof port === 'number' ? port : undefined
}

/** Passes on each line of output, and returns a function that gives the message of the last fatal one. */
function readLog(output: Readable, take: (line: ChildLine) => void): () => string | undefined {
  let fatal: string | undefined
  createInterface({ input: output }).on('line', (text) => {
    const line = parseChildLine(text) ?? {
      level: 'warn',
      time: new Date().toISOString(),
      msg: text,
      component: '',
      event: '',
    }
    if (line.level === 'fatal') fatal = fatalWords(line)
    take(line)
  })
  return () => fatal
}

function fatalWords({ msg, err }: ChildLine): string {
  const message = (err as { message?: unknown } | undefined)?.message
  return typeof message !== 'string' || msg.includes(message) ? msg : `${msg}: ${message}`
}

/**
 * Reads the error output, and returns a function that gives its most useful line: the error of a stack trace, or the last.
 */
function readErrors(output: Readable): () => string | undefined {
  let words = ''
  output.setEncoding('utf8').on('data', (chunk: string) => (words = (words + chunk).slice(-4_000)))
  return () => {
    const lines = words.split('\n').filter((line) => line.trim() !== '')
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1)
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (fault) => resolve(fault.message))
    child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code ?? 0}` : signal))
  })
}
