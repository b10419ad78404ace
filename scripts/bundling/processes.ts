import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { build } from 'esbuild'

import { MODULES, PROCESS_ENTRIES } from './modules.ts'

/** Bundles the processes of events into a folder, as `listener.js` and so on, as they are in the package. */
export async function bundleProcesses(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}\n')
  await build({ ...MODULES, entryPoints: PROCESS_ENTRIES, outdir: folder })
}
