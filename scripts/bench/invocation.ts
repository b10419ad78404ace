import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

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
  const program = join(ROOT, 'functions/runner/invocation.bench.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program, module])
  return JSON.parse(stdout) as InvocationCost
}
