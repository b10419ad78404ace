import type { LogLevel, Outcome } from '../../functions/guests/abi.ts'
import { abiNamed } from '../../functions/guests/abi-registry.ts'
import { checkModule } from '../../functions/guests/check/check.ts'
import { createLogLimit } from '../../functions/guests/log-limit.ts'
import type { CloudEvent } from '../../functions/cloudevents/cloudevent.ts'

/** What a Job gives a module in addition to events. */
export interface GuestSettings {
  /** The module's name in errors. */
  readonly name: string
  readonly memoryBytes: number
  readonly env: Readonly<Record<string, string>>
  /** The other events of its Job, to which it may emit. */
  readonly events: readonly string[]
}

/** A line that a module logged. */
export interface Line {
  readonly level: LogLevel
  readonly message: string
}

/** The outcome of one execution, and the lines that it logged. */
export interface ExecutionResult {
  readonly outcome: Outcome
  readonly lines: readonly Line[]
}

/**
 * Checks and prepares a module as a runner does, and returns a function that executes it: each event in a fresh instance, in
 * this thread, without a timeout. Throws MODULE_INVALID that names the fix.
 */
export function openGuest(
  module: Uint8Array,
  { name, memoryBytes, env, events }: GuestSettings,
): (event: CloudEvent) => ExecutionResult {
  const { abi: abiName, bytes } = checkModule(module, { name, memoryBytes })
  const lines: Line[] = []
  const limit = createLogLimit((level, message) => lines.push({ level, message }))
  const abi = abiNamed(abiName)
  const execute = abi.prepare(new WebAssembly.Module(bytes), {
    env: new Map(Object.entries(env)),
    events: new Set(events),
    log: (level, message) => limit.log(level, message),
  })
  return (event) => {
    limit.reset()
    const outcome = execute(abi.input(event))
    return { outcome, lines: lines.splice(0) }
  }
}
