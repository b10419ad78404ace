import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import type { NatsOptions } from '../../functions/jetstream/connection.ts'
import { credentials, type Part } from '../../functions/identity/issue.ts'
import { decodeKeys, newKeys, type InstallationKeys } from '../../functions/identity/keys.ts'
import { userCache, userSecret } from '../user-cache.ts'

/** The folder of the streams of a `jobico dev`, and the environment in which the user's cache folder is looked for. */
export interface KeyPlace {
  readonly storeDir: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Whoever runs `jobico dev` may connect to its NATS, and nobody else on this machine. All Jobs share one account. */
const ACCOUNT = 'dev'
/** In the folder of the streams: it names the account, whose name must not change while they are kept. No secret. */
const ID_FILE = 'installation-id'
/** In the user's cache folder, since a project may be copied or shared. If it is removed, a new one is made. */
const SECRET_FILE = 'nats-key'

/** The keys of a `jobico dev`; makes what is missing. Throws an Error if others could have written the secret. */
export function devKeys({ storeDir, environment }: KeyPlace): InstallationKeys {
  const secret = userSecret(environment, SECRET_FILE).toString('base64url')
  const created = Math.floor(statSync(join(userCache(environment), SECRET_FILE)).mtimeMs / 1_000)
  const idFile = join(storeDir, ID_FILE)
  createOnce(idFile, `${newKeys(new Date()).id}\n`)
  const id = readFileSync(idFile, 'utf8').trim()
  return decodeKeys(JSON.stringify({ id, current: { secret, created } }), idFile)
}

/** How a part connects to the NATS of a `jobico dev`. Throws as devKeys. */
export function devAccess(
  url: string,
  place: KeyPlace,
  part: Part,
): Pick<NatsOptions, 'url' | 'credentials'> {
  return { url, credentials: credentials(devKeys(place), ACCOUNT, part) }
}

/** Which account the streams of a namespace are in. */
export function devAccount(): typeof ACCOUNT {
  return ACCOUNT
}

/** Writes a file, unless it is there. Of several processes at once, one makes it. */
function createOnce(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, content, { mode: 0o600, flag: 'wx' })
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'EEXIST') throw fault
  }
}
