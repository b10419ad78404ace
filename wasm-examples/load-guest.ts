import { readFileSync } from 'node:fs'
import type { Outcome } from '../functions/guests/abi.ts'
import { abiNamed } from '../functions/guests/abi-registry.ts'
import { checkModule } from '../functions/guests/check/check.ts'
import type { CloudEvent } from '../functions/cloudevents/cloudevent.ts'

const MEMORY_BYTES = 64 * 2 ** 20 // the default of a Job

/** A module that runs one text or event after another, each in a fresh instance; `logged` has all log lines so far. */
export interface LoadedGuest {
  readonly execute: (text: string) => Outcome
  /** Runs an event, whose input the ABI of the module makes. */
  readonly executeEvent: (event: CloudEvent) => Outcome
  readonly logged: readonly string[]
}

/** Checks and compiles a module as a runner does. `env` has its variables, `events` the other events of its Job. */
export function loadGuest(
  file: string,
  env: Iterable<readonly [string, string]> = [],
  events: Iterable<string> = [],
): LoadedGuest {
  const logged: string[] = []
  const { abi, bytes } = checkModule(readFileSync(file), { name: file, memoryBytes: MEMORY_BYTES })
  const { input, prepare } = abiNamed(abi)
  const run = prepare(new WebAssembly.Module(bytes), {
    env: new Map(env),
    events: new Set(events),
    log: (level, message) => logged.push(`${level}: ${message}`),
  })
  return { execute: (text) => run({ text }), executeEvent: (event) => run(input(event)), logged }
}

/** The data of the result; throws the reason when the outcome is not ok. */
export function dataOf(outcome: Outcome): unknown {
  if (outcome.kind !== 'ok') throw new Error(`${outcome.kind}: ${outcome.reason}`)
  return outcome.data === undefined ? undefined : JSON.parse(outcome.data)
}
