import { randomBytes, randomUUID } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

import { messageOf } from '../functions/process/errors.ts'

/** The environment that says where the cache is. */
export type CacheEnvironment = Readonly<Record<string, string | undefined>>

const SECRET_BYTES = 32
const FIX = 'name a folder of your own in the variable XDG_CACHE_HOME'

/**
 * The folder for what Jobico executes or believes: `jobico` in XDG_CACHE_HOME or in `~/.cache`, or a folder in it. Nothing of
 * that kind is kept in a project, whose files may come from anybody. Creates it for this user only (0700). Throws an Error that
 * names the fix if it can not be made, or belongs to somebody else.
 */
export function userCache(environment: CacheEnvironment, ...inside: readonly string[]): string {
  const named = environment['XDG_CACHE_HOME'] ?? ''
  // A relative one counts as none, as the XDG specification says: it would be in the folder of a project.
  const base = isAbsolute(named) ? named : join(homedir(), '.cache')
  let folder = join(base, 'jobico')
  try {
    mkdirSync(base, { recursive: true })
    makeOwn(folder)
    for (const name of inside) {
      folder = join(folder, name)
      makeOwn(folder)
    }
  } catch (cause) {
    if (cause instanceof NotOurs) throw cause
    throw new Error(`the cache folder ${folder} can not be made (${messageOf(cause)}); ${FIX}`, { cause })
  }
  return folder
}

/**
 * A key of 32 random bytes that only this user can read. It is made at the first call, and is the same from then on, also for
 * processes that ask for it at the same time. Throws what `userCache` throws.
 */
export function userSecret(environment: CacheEnvironment, name: string): Buffer {
  const file = join(userCache(environment), name)
  const draft = `${file}.${randomUUID()}`
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) {
      writeFileSync(draft, randomBytes(SECRET_BYTES), { mode: 0o600, flag: 'wx' })
      linkUnlessThere(draft, file)
    }
    assertOwn(file)
    const secret = readFileSync(file)
    if (secret.length === SECRET_BYTES) return secret
  } finally {
    rmSync(draft, { force: true })
  }
  throw new Error(`${file} is no key of Jobico; remove it, and start again`)
}

/** Whether a file or folder belongs to the user of this process. Where users have no numbers, everything does. */
export function isOwn({ uid }: { readonly uid: number }): boolean {
  return process.getuid === undefined || uid === process.getuid()
}

class NotOurs extends Error {}

function makeOwn(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  assertOwn(folder)
  if ((statSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

/** A link is one of this user too, and what it leads to as well. */
function assertOwn(path: string): void {
  if (isOwn(lstatSync(path)) && isOwn(statSync(path))) return
  throw new NotOurs(`${path} belongs to another user, so that nothing in it can be trusted; ${FIX}`)
}

function linkUnlessThere(draft: string, file: string): void {
  try {
    linkSync(draft, file)
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'EEXIST') throw fault
  }
}
