import { stat } from 'node:fs/promises'
import { dirname, join, parse, relative, resolve } from 'node:path'
import type { LocalModule } from './local-job.ts'

/** What to look for: the module's file name, the file of its Job, and whether that file names no other module. */
export interface ModuleQuery {
  readonly wasm: string
  readonly jobFile: string
  readonly onlyModule: boolean
}

/**
 * Finds the module of an event near its Job file. Takes the first of these that exists; source wins over a build, which may
 * be old:
 * 1. `assembly/<name>.ts`, with <name> the module's name without its extension, to be compiled to `build/<wasm>`
 * 2. `assembly/index.ts`, if the file names one module only, to be compiled to `build/<wasm>`
 * 3. `<wasm>` beside the Job file
 * 4. `build/<wasm>`
 * If none exists, returns the places.
 */
export async function findModule({
  wasm,
  jobFile,
  onlyModule,
}: ModuleQuery): Promise<LocalModule | { lookedFor: string[] }> {
  const folder = dirname(resolve(jobFile))
  const out = join(folder, 'build', wasm)
  const entries = [`${parse(wasm).name}.ts`, ...(onlyModule ? ['index.ts'] : [])].map((entry) =>
    join(folder, 'assembly', entry),
  )
  const places: [string, LocalModule][] = [
    ...entries.map((entry): [string, LocalModule] => [entry, { kind: 'source', entry, out }]),
    ...[join(folder, wasm), out].map((path): [string, LocalModule] => [path, { kind: 'file', path }]),
  ]
  for (const [path, module] of places) {
    if (await isFile(path)) return module
  }
  return { lookedFor: [...new Set(places.map(([path]) => relative(folder, path)))] }
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ?? false
}
