import type { LogLevel, Outcome } from './abi.ts'
import { abiNamed, type AbiName } from './abi-registry.ts'
import { checkModule } from './check/check.ts'
import { createLogLimit } from './log-limit.ts'

/** The settings of a guest. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The other events of its Job. */
  readonly events?: readonly string[]
  /** 4 MiB by default. */
  readonly memoryBytes?: number
}

/** A guest that runs in this thread; `lines` collects what it logs. */
export interface StartedGuest {
  readonly abi: AbiName
  readonly lines: (readonly [LogLevel, string])[]
  run(text: string, variables?: readonly string[]): Outcome
}

const MEMORY_BYTES = 4 * 2 ** 20

/** Checks a module, and prepares it as a worker thread of a runner does. */
export function startGuest(
  module: Uint8Array,
  { env = {}, events = [], memoryBytes = MEMORY_BYTES }: StartOptions = {},
): StartedGuest {
  const { abi, bytes } = checkModule(module, { name: 'a.wasm', memoryBytes })
  const lines: (readonly [LogLevel, string])[] = []
  const limit = createLogLimit((level, message) => lines.push([level, message]))
  const execute = abiNamed(abi).prepare(new WebAssembly.Module(bytes), {
    env: new Map(Object.entries(env)),
    events: new Set(events),
    log: (level, message) => limit.log(level, message),
  })
  return {
    abi,
    lines,
    run(text, variables = []) {
      limit.reset()
      return execute({ text, variables })
    },
  }
}
