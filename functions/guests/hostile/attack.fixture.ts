import type { Test } from 'tap'
import type { LogLevel } from '../abi.ts'
import { startGuest, type StartOptions } from '../guest.fixture.ts'

/** One attack: a module that is run, and exactly what becomes of its event. */
export interface Attack extends StartOptions {
  readonly name: string
  readonly bytes: () => Uint8Array
  readonly want: object
  /** All that is logged, where it matters. */
  readonly logs?: readonly (readonly [LogLevel, string | RegExp])[]
}

/** How much the process may grow by one attack: a thread's heap may have as much. */
const MOST_GROWTH_BYTES = 512 * 2 ** 20

/** An execution without fault. */
export function ok(data?: string) {
  return { kind: 'ok', data }
}

/** One that trapped. */
export function trap(reason: RegExp) {
  return { kind: 'retry', code: 'MODULE_TRAP', reason }
}

/** One whose result can't be read. */
export function invalid(reason: RegExp) {
  return { kind: 'retry', code: 'RESULT_INVALID', reason }
}

/** One that gave too much. */
export function tooLarge(reason: RegExp) {
  return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
}

/** One that exited with a status that means nothing. */
export function exited(status: number) {
  return trap(new RegExp(`^it exited with status ${status}$`))
}

/** Runs each attack twice in this thread: its outcome, its log, its cost in memory, and that it leaves nothing behind. */
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
