import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { messageOf } from '../../../functions/process/errors.ts'
import { packageFile, RUNS_FROM_SOURCE } from '../../dev/processes/entry-points.ts'

/** The Jobico that runs. */
export interface OwnPackage {
  readonly version: string
  /** The folder of the package. */
  readonly root: string
  readonly isClone: boolean
  /** From where npm installed it, as its lock file has it; undefined if that is not known. */
  readonly resolved: string | undefined
}

/** How a package.json asks for Jobico. `tarball` is a file that has to come with it, beside it. */
export interface Dependency {
  readonly spec: string
  readonly tarball?: string
}

/** The address of a package in a registry. */
const FROM_REGISTRY = /^https?:\/\/.*\/jobico\/-\/jobico-[^/]+\.tgz$/

/**
 * How a project's package.json asks for the Jobico that runs, so that `npm install` brings the same one elsewhere. What came
 * from a registry, an address or git comes from there again. What came from a tarball on this machine, or from an unknown
 * place, goes into the project as a tarball. A clone of the repository is named by its path. Pure.
 */
export function dependencyOn({ version, root, isClone, resolved = '' }: OwnPackage): Dependency {
  if (isClone) return { spec: `file:${root}` }
  if (FROM_REGISTRY.test(resolved)) return { spec: version }
  if (/^(?:https?:|git[+:])/.test(resolved)) return { spec: resolved }
  const tarball = `jobico-${version}.tgz`
  return { spec: `file:${tarball}`, tarball }
}

/** Reads what is known of the Jobico that runs. */
export async function ownPackage(): Promise<OwnPackage> {
  const root = fileURLToPath(packageFile('.')).replace(/\/$/, '')
  const { version } = (await readJson(join(root, 'package.json'))) as { version: string }
  return { version, root, isClone: RUNS_FROM_SOURCE, resolved: await resolvedOf(root) }
}

/** npm keeps in node_modules from where each package came. */
async function resolvedOf(root: string): Promise<string | undefined> {
  const modules = dirname(root)
  if (basename(modules) !== 'node_modules') return undefined
  try {
    const lock = (await readJson(join(modules, '.package-lock.json'))) as {
      packages: Readonly<Record<string, { resolved?: string } | undefined>>
    }
    return lock.packages['node_modules/jobico']?.resolved
  } catch {
    return undefined
  }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}

/** Packs an installed Jobico into a folder, as `jobico-<version>.tgz`, unless that is there. Throws an Error if npm fails. */
export async function packInto(folder: string, { root, version }: OwnPackage): Promise<void> {
  if (existsSync(join(folder, `jobico-${version}.tgz`))) return
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
  try {
    await promisify(execFile)('npm', args, { cwd: root })
  } catch (cause) {
    throw new Error(
      `npm pack failed in ${root}, so that the project can not bring its Jobico along: ${messageOf(cause)}`,
      { cause },
    )
  }
}
