import { mkdirSync, symlinkSync } from 'node:fs'
import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

import { eventually } from './eventually.fixture.ts'
import { mustRun } from './program.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** What the package needs beside itself on this machine: all else is in its bundles. */
export const DEPENDENCIES = [`node-${process.platform}-${process.arch}`, 'assemblyscript']
/** Packing builds into one folder, so test files take turns. */
const TURN = join(ROOT, '.tap', 'packing')

/**
 * Packs this package and installs it into a folder, so that `npx jobico` works there; its dependencies are those of this
 * repository. Returns the folder of the installed package.
 */
export async function installPackage(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'jobico')
  mkdirSync(installed, { recursive: true })
  mkdirSync(join(modules, '.bin'))
  const tarball = join(folder, await inTurn(() => pack(folder)))
  await mustRun('tar', ['-xzf', tarball, '-C', installed, '--strip-components', '1'])
  for (const name of DEPENDENCIES) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  symlinkSync(join('..', 'jobico', 'bin', 'jobico.js'), join(modules, '.bin', 'jobico'))
  return installed
}

/** Returns the name of the tarball. */
async function pack(folder: string): Promise<string> {
  const output = await mustRun('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT })
  return output.trim().split('\n').slice(-1).join('')
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(join(TURN, '..'), { recursive: true })
  await eventually(`another test has packed (if none does, delete ${TURN})`, () =>
    mkdir(TURN).then(() => true),
  )
  try {
    return await work()
  } finally {
    await rmdir(TURN)
  }
}
