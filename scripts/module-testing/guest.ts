import type { LogLevel, Outcome } from '../../functions/guests/abi.ts'
import { abiNamed } from '../../functions/guests/abis.ts'
import { checkModule } from '../../functions/guests/check/check.ts'
import { createLogLimit } from '../../functions/guests/log-limit.ts'
import type { CloudEvent } from '../../functions/cloudevents/cloudevent.ts'

/** What a module is given beside its events, as its Job would. */
export interface Surroundings {
  /** The module's name in errors. */
  readonly name: string
  readonly memoryBytes: number
  readonly env: Readonly<Record<string, string>>
  /** The other events of its Job, into which it may emit. */
  readonly events: readonly string[]
}

/** A line that a module logged. */
export interface Line {
  readonly level: LogLevel
  readonly message: string
}

/** What one execution came to. */
export interface Ran {
  readonly outcome: Outcome
  readonly lines: readonly Line[]
}

/**
 * Checks a module and makes it ready as a runner does; each event runs in a fresh instance, in this thread, with no
 * deadline. Throws MODULE_INVALID that names the fix.
 */
export function openGuest(
  module: Uint8Array,
  { name, memoryBytes, env, events }: Surroundings,
): (event: CloudEvent) => Ran {
  const { abi, bytes } = checkModule(module, { name, memoryBytes })
  const lines: Line[] = []
  const limit = createLogLimit((level, message) => lines.push({ level, message }))
  const spoken = abiNamed(abi)
  const execute = spoken.prepare(new WebAssembly.Module(bytes), {
    env: new Map(Object.entries(env)),
    events: new Set(events),
    log: (level, message) => limit.log(level, message),
  })
  return (event) => {
    limit.reset()
    const outcome = execute(spoken.input(event))
    return { outcome, lines: lines.splice(0) }
  }
}
