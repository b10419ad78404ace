import { chmodSync, lstatSync, mkdirSync, readdirSync, type Dirent, type Stats } from 'node:fs'
import { join } from 'node:path'

import { isOwn } from '../user-cache.ts'

/** The folder for the files of a `jobico dev`, in the folder in which it is started. */
export function stateDir(folder: string): string {
  return join(folder, '.jobico')
}

/**
 * Makes `.jobico` for this user only, or checks the one that is there: a folder that came from somebody else may have links in
 * it, and what is written through them would overwrite files elsewhere. Returns its path. Throws an Error that names the fix.
 */
export function openStateDir(folder: string): string {
  const path = stateDir(folder)
  mkdirUnlessThere(path)
  const found = lstatSync(path)
  const fault = faultOf(path, found) ?? linkFault(path)
  if (fault !== undefined)
    throw new Error(`${fault}; see what it is, and remove it before you start Jobico in this folder`)
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700)
  return path
}

/**
 * Why nothing in the `.jobico` of a folder can be believed: it is a link, no folder, or of another user. Undefined if it is
 * believed, and if there is none.
 */
export function stateDirFault(folder: string): string | undefined {
  const path = stateDir(folder)
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found === undefined ? undefined : faultOf(path, found)
}

/** Creates it only if nothing has the name, so that it never follows a link. */
function mkdirUnlessThere(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
    mkdirSync(path, { recursive: true, mode: 0o700 })
}

function faultOf(path: string, found: Stats): string | undefined {
  if (found.isSymbolicLink()) return `${path} is a symbolic link, which Jobico does not follow`
  if (!found.isDirectory()) return `${path} is no folder`
  return isOwn(found) ? undefined : `${path} belongs to another user`
}

/** Jobico makes no links there, and neither does nats-server. */
function linkFault(path: string): string | undefined {
  for (const entry of entriesOf(path)) {
    const inside = join(path, entry.name)
    const fault = entry.isSymbolicLink()
      ? `${inside} is a symbolic link, which Jobico does not follow`
      : entry.isDirectory()
        ? linkFault(inside)
        : undefined
    if (fault !== undefined) return fault
  }
  return undefined
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (fault) {
    // A nats-server that is just ending may still remove folders.
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw fault
  }
}
