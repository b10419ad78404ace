import { readFileSync } from 'node:fs'
import type { Outcome } from '../functions/guests/abi.ts'
import { abiNamed } from '../functions/guests/abis.ts'
import { checkModule } from '../functions/guests/check.ts'

const MEMORY_BYTES = 64 * 2 ** 20 // what a Job gives by default

/** A module that runs one text of an event after another, each in a fresh instance; `logged` grows as it logs. */
export interface LoadedGuest {
  readonly execute: (text: string) => Outcome
  readonly logged: readonly string[]
}

/** Checks and compiles a module as the runner does, with these variables as its environment. */
export function loadGuest(file: string, env: Iterable<readonly [string, string]> = []): LoadedGuest {
  const logged: string[] = []
  const { abi, bytes } = checkModule(readFileSync(file), { name: file, memoryBytes: MEMORY_BYTES })
  const run = abiNamed(abi).prepare(new WebAssembly.Module(bytes), {
    env: new Map(env),
    events: new Set(),
    log: (level, message) => logged.push(`${level}: ${message}`),
  })
  return { execute: (text) => run({ text }), logged }
}

/** The result data of an execution; throws the reason of one that was not ok. */
export function dataOf(outcome: Outcome): unknown {
  if (outcome.kind !== 'ok') throw new Error(`${outcome.kind}: ${outcome.reason}`)
  return outcome.data === undefined ? undefined : JSON.parse(outcome.data)
}
