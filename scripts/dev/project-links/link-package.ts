import { existsSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { packageFile } from '../processes/entry-points.ts'

/**
 * Links this package into the node_modules of a project, so that it can import `jobico/testing` and run `jobico` in its npm
 * scripts. Does nothing if a package of that name is installed in the project or above it.
 */
export async function linkPackage(folder: string): Promise<void> {
  if (isInstalled(folder)) return
  const modules = join(folder, 'node_modules')
  const target = fileURLToPath(packageFile('.'))
  await mkdir(join(modules, '.bin'), { recursive: true })
  await link(target, join(modules, 'jobico'), 'junction')
  await link('../jobico/bin/jobico.js', join(modules, '.bin', 'jobico'), 'file')
}

function isInstalled(folder: string): boolean {
  try {
    createRequire(join(folder, 'package.json')).resolve('jobico/testing')
    return true
  } catch {
    return false
  }
}

async function link(target: string, path: string, type: 'junction' | 'file'): Promise<void> {
  if (!existsSync(path)) await symlink(target, path, type)
}
