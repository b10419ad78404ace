import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { actingGuest } from '../../functions/guests/acting-guest.fixture.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import type { Place } from './place.ts'

/** The time that one event takes, in microseconds. */
export interface InvocationCost {
  /** A call of a function that returns its argument. */
  readonly call: number
  /** An instance of the module, with imports that do nothing. */
  readonly instantiation: number
  /** An event in a fresh instance, in the measuring thread. */
  readonly execution: number
  readonly oneThread: number
  readonly allThreads: number
  /** The number of threads of `allThreads`. */
  readonly threads: number
}

const ROOT = join(import.meta.dirname, '..', '..')

/** Measures the cost of an echo in an AssemblyScript guest, in a process of its own. */
export async function measureInvocation({ folder }: Pick<Place, 'folder'>): Promise<InvocationCost> {
  const module = join(folder, 'guest.wasm')
  await compileAssemblyScript({ entry: join(ROOT, 'wasm-examples/echo/assembly/index.ts'), out: module })
  return (await runBench('invocation', module)) as InvocationCost
}

/** Measures the 99th percentile of an event's time, in milliseconds, for each load on another thread of the same pool. */
export async function measureNeighbours({
  folder,
}: Pick<Place, 'folder'>): Promise<ReadonlyMap<string, number>> {
  const module = join(folder, 'neighbours.wasm')
  await writeFile(module, await actingGuest('assemblyscript'))
  return new Map(Object.entries((await runBench('neighbours', module)) as Record<string, number>))
}

async function runBench(name: string, module: string): Promise<unknown> {
  const program = join(ROOT, 'functions/runner/workers', `${name}.bench.ts`)
  const { stdout } = await promisify(execFile)(process.execPath, [program, module])
  return JSON.parse(stdout)
}
