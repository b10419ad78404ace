import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { packageFile } from '../processes/entry-points.ts'

/**
 * Writes two files for editors into a folder `.jobico`, which is there: the schema of Job files, and a tsconfig.json with the types of
 * AssemblyScript and the path of `from "jobico"`. It has paths of this machine, so `jobico dev` writes both again.
 */
export async function writeEditorFiles(target: string): Promise<void> {
  await copyFile(packageFile('crds/job.schema.json'), join(target, 'job.schema.json'))
  const tsconfig = {
    extends: fileURLToPath(import.meta.resolve('assemblyscript/std/assembly.json')),
    compilerOptions: {
      strictPropertyInitialization: false, // decode sets the members of @json classes
      paths: { jobico: [fileURLToPath(packageFile('wasm-examples/sdk/assembly/index.ts'))] },
    },
    files: [fileURLToPath(packageFile('wasm-examples/sdk/assembly/json-class.d.ts'))],
    include: ['../assembly/**/*.ts'],
  }
  await writeFile(join(target, 'tsconfig.json'), `${JSON.stringify(tsconfig, null, 2)}\n`)
}
