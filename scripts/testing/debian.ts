import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { JobicoError } from '../../functions/process/errors.ts'
import { mustRun, runProgram } from './program.ts'

/** A file of Debian, with the packages that contain it and its libraries. */
export interface DebianFile {
  readonly packages: readonly [string, ...string[]]
  /** The file's name, without its folder. */
  readonly name: string
}

/**
 * Downloads packages of Debian once, unpacks them into a folder of their own below `folder`, and returns the path of a file
 * in them. Installs nothing. Throws INTERNAL when this is not Debian.
 */
export async function debianFile(folder: string, { packages, name }: DebianFile): Promise<string> {
  const home = join(folder, packages[0])
  const there = await pathIn(home, name)
  if (there !== undefined) return there
  const fresh = `${home}.fresh`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { recursive: true })
  const download = () => runProgram('apt-get', ['download', '--quiet', ...packages], { cwd: fresh })
  if ((await download()).code !== 0) {
    await mustRun('apt-get', ['update', '--quiet'])
    await download()
  }
  const files = (await readdir(fresh)).filter((file) => file.endsWith('.deb'))
  if (files.length < packages.length)
    throw new JobicoError('INTERNAL', `apt-get has no ${packages.join(' or ')}; is this a Debian?`)
  for (const file of files) await mustRun('dpkg-deb', ['--extract', file, '.'], { cwd: fresh })
  await rm(home, { recursive: true, force: true })
  await rename(fresh, home)
  const path = await pathIn(home, name)
  if (path === undefined) throw new JobicoError('INTERNAL', `the package ${packages[0]} has no ${name}`)
  return path
}

async function pathIn(folder: string, name: string): Promise<string | undefined> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const documents = join(folder, 'usr', 'share')
  const found = entries.find(
    (entry) => entry.name === name && !entry.isDirectory() && !entry.parentPath.startsWith(documents),
  )
  return found && join(found.parentPath, name)
}
