import type { Test } from 'tap'
import type { LogLevel } from '../abi.ts'
import { startGuest, type StartOptions } from '../guest.fixture.ts'

/** One attack: a hostile module, and the exact outcome of running it. */
export interface Attack extends StartOptions {
  readonly name: string
  readonly bytes: () => Uint8Array
  readonly want: object
  /** All lines that it logs; not checked if left out. */
  readonly logs?: readonly (readonly [LogLevel, string | RegExp])[]
}

/** How much the process may grow by one attack: as much as the heap of a worker thread may have. */
const MOST_GROWTH_BYTES = 512 * 2 ** 20

/** The outcome of an execution that succeeds. */
export function ok(data?: string) {
  return { kind: 'ok', data }
}

/** The outcome of one that traps. */
export function trap(reason: RegExp) {
  return { kind: 'retry', code: 'MODULE_TRAP', reason }
}

/** The outcome of one whose result can't be read. */
export function invalid(reason: RegExp) {
  return { kind: 'retry', code: 'RESULT_INVALID', reason }
}

/** The outcome of one whose result or emitted data is too large. */
export function tooLarge(reason: RegExp) {
  return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
}

/** The outcome of one that exits with a status without a meaning. */
export function exited(status: number) {
  return trap(new RegExp(`^it exited with status ${status}$`))
}

/** Runs each attack twice in this thread; checks outcome, log and memory, and that Object.prototype is unchanged. */
export function attackAll(t: Test, attacks: readonly Attack[]): void {
  for (const { name, bytes, want, logs, ...options } of attacks) {
    const before = Reflect.ownKeys(Object.prototype)
    const { run, lines } = startGuest(bytes(), options)
    const peak = peakBytes()
    for (const round of ['first', 'second']) {
      lines.length = 0
      t.match(run('{}'), want, `${name}: ${round}`)
      if (logs) t.match([lines.length, lines], [logs.length, logs], `${name}: its log`)
    }
    t.ok(peakBytes() - peak < MOST_GROWTH_BYTES, `${name}: its cost in memory`)
    t.same(Reflect.ownKeys(Object.prototype), before, name)
  }
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
