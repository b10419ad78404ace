import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { packageFile } from '../processes/entries.ts'
import { stateDir } from '../instance.ts'

/**
 * Writes what editors need into `.jobico` of a folder: the schema of Job files, and a tsconfig.json by which they know
 * AssemblyScript and `from "jobico"`. Both hold for this machine, and are made again by `jobico dev`.
 */
export async function writeEditorFiles(folder: string): Promise<void> {
  const target = stateDir(folder)
  await mkdir(target, { recursive: true })
  await copyFile(packageFile('crds/job.schema.json'), join(target, 'job.schema.json'))
  const tsconfig = {
    extends: fileURLToPath(import.meta.resolve('assemblyscript/std/assembly.json')),
    compilerOptions: {
      strictPropertyInitialization: false, // decode gives the members of @json classes their values
      paths: { jobico: [fileURLToPath(packageFile('wasm-examples/sdk/assembly/index.ts'))] },
    },
    files: [fileURLToPath(packageFile('wasm-examples/sdk/assembly/json-class.d.ts'))],
    include: ['../assembly/**/*.ts'],
  }
  await writeFile(join(target, 'tsconfig.json'), `${JSON.stringify(tsconfig, null, 2)}\n`)
}
