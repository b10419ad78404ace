import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { eventually } from '../../testing/eventually.fixture.ts'
import type { ChildSpec } from '../../dev/desired-processes.ts'
import { packageFile } from '../../dev/processes/entry-points.ts'
import { startProcess } from '../../dev/processes/process.ts'
import type { ChildLine, Report } from '../../dev/output/report.ts'
import { supervise } from '../../dev/processes/supervisor.ts'

/** Called for each log line of an event's process. */
export type LineHandler = (line: ChildLine, event: string) => void

/** A listener or runner that is started again whenever it ends. */
export interface Child {
  readonly spec: ChildSpec
  /** The port at which it listens; undefined while it does not. */
  port(): number | undefined
  /** Waits until it serves. */
  serves(): Promise<void>
  /** Sends a signal to the process that runs now. */
  signal(name: NodeJS.Signals): void
  /** Shuts it down gracefully, and does not start it again. */
  stop(): Promise<void>
}

const READY: readonly string[] = ['Connected to NATS', 'Ready']
/** The signals that do not end a process. */
const PAUSES: readonly NodeJS.Signals[] = ['SIGSTOP', 'SIGCONT']
const STOP_LIMIT_MS = 20_000
const CACHE = join(import.meta.dirname, '..', 'build', 'cache')

/** Where to tell what becomes of a child. */
export interface ChildReports {
  /** Gets how it ended, each time. */
  readonly notes: string[]
  /** Called for each of its log lines. */
  readonly onLine?: LineHandler
  /** Called with each process of it, right after its start. */
  readonly onLaunch?: (pid: number | undefined) => void
}

/** Starts a child. */
export function openChild(
  spec: ChildSpec,
  { notes, onLine = () => undefined, onLaunch = () => undefined }: ChildReports,
): Child {
  let isServing = false
  const show = (report: Report) => {
    if (report.kind === 'note') {
      isServing = false
      notes.push(report.text)
      return
    }
    if (READY.includes(report.line.msg)) isServing = true
    onLine(report.line, spec.event)
  }
  // The bundle that is shipped starts in less than half the time.
  const program = fileURLToPath(packageFile(`dist/${spec.component}.js`))
  const environment = { ...process.env, NODE_COMPILE_CACHE: CACHE, ...spec.environment }
  const launch = () => {
    const child = startProcess(program, environment)
    onLaunch(child.pid)
    return child
  }
  const kept = supervise(spec, { launch, show }, () => undefined)
  return {
    spec,
    port: kept.port,
    async serves() {
      await kept.ready
      await eventually(`${spec.id} serves`, () => Promise.resolve(isServing), { everyMs: 20 })
    },
    signal(name) {
      if (!PAUSES.includes(name)) isServing = false
      const pid = kept.pid()
      // The process may have ended already, which is fine.
      if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, name)
    },
    stop: () => kept.stop(STOP_LIMIT_MS),
  }
}
