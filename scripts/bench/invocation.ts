import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { actingGuest } from '../../functions/guests/abis.fixture.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import type { Place } from './place.ts'

/** What one event costs, in microseconds. */
export interface InvocationCost {
  /** A call of a function that gives back its argument. */
  readonly call: number
  /** An instance of the module, with imports that do nothing. */
  readonly instantiation: number
  /** An event in a fresh instance, in the thread that measures. */
  readonly execution: number
  readonly oneThread: number
  readonly allThreads: number
  /** How many threads that are. */
  readonly threads: number
}

const ROOT = join(import.meta.dirname, '..', '..')

/** Measures what an echo costs in a guest of AssemblyScript, in a process of its own. */
export async function measureInvocation({ folder }: Pick<Place, 'folder'>): Promise<InvocationCost> {
  const module = join(folder, 'guest.wasm')
  await compileAssemblyScript({ entry: join(ROOT, 'wasm-examples/echo/assembly/index.ts'), out: module })
  return (await runBench('invocation', module)) as InvocationCost
}

/** Measures how long events take, in milliseconds at the 99th percentile, by what others do on another thread of their pool. */
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
