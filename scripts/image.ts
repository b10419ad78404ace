import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { messageOf } from '../functions/process/errors.ts'
import { bundleImage } from './bundling/image.ts'
import { SBOM_FILE } from './bundling/sbom.ts'

const ROOT = join(import.meta.dirname, '..')
const CONTAINERFILE = join(ROOT, 'Containerfile')
const HASH_CHARS = 12

const HELP = `npm run image -- [--tag NAME] [--base IMAGE] [--push]

Bundles operator, listener and runner, and builds the image of all three with buildah, podman or docker, whichever is
there. Prints the name of the image and its id, which is the same for the same sources and base (with docker but for times).

  --tag NAME    the image's name (jobico:<version>); one without a version gets a hash of what goes into the image:
                dev.local/jobico becomes dev.local/jobico:<hash>
  --base IMAGE  an image with Node 24 (node:24-bookworm-slim; name it with its digest to get the same image for ever)
  --sbom FILE   writes the list of what is bundled (CycloneDX JSON); the image has it too, as /app/sbom.cdx.json
  --push        pushes it to the registry that its name says, and prints the name with the digest that the registry has
`

/** The programs that build images, each with its options to set all times to 0 and to run a step without privileges. */
interface Builder {
  readonly program: string
  readonly options: readonly string[]
}

const ALIKE = ['--timestamp=0', '--isolation=chroot', '--layers=false']
const BUILDERS: readonly Builder[] = [
  { program: 'buildah', options: ALIKE },
  { program: 'podman', options: ALIKE },
  { program: 'docker', options: ['--build-arg=SOURCE_DATE_EPOCH=0', '--provenance=false'] },
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      tag: { type: 'string' },
      base: { type: 'string' },
      sbom: { type: 'string' },
      push: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const builder = findBuilder()
  process.umask(0o022) // files keep the modes in the image that they get here
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const folder = await mkdtemp(join(tmpdir(), 'jobico-image-'))
  const bundle = join(folder, 'bundle')
  const idFile = join(folder, 'id')
  try {
    await bundleImage(ROOT, bundle)
    if (values.sbom !== undefined) await copyFile(join(bundle, SBOM_FILE), values.sbom)
    const name = await fullName(values.tag ?? `jobico:${version}`, bundle, values.base)
    const base = values.base === undefined ? [] : [`--build-arg=NODE_IMAGE=${values.base}`]
    const options = [...builder.options, ...base, `--build-arg=VERSION=${version}`, `--iidfile=${idFile}`]
    run(
      builder.program,
      ['build', ...options, `--file=${CONTAINERFILE}`, `--tag=${name}`, bundle],
      'where the base did not come, --base names another',
    )
    const pushed = values.push ? await push(builder, name, folder) : name
    process.stdout.write(`${pushed} ${(await readFile(idFile, 'utf8')).trim()}\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Pushes an image; gives its name with the digest that the registry has it under. */
async function push({ program }: Builder, name: string, folder: string): Promise<string> {
  const hint = 'are you logged in to the registry of --tag?'
  if (program === 'docker') {
    run(program, ['push', name], hint)
    const format = '{{index .RepoDigests 0}}'
    const { stdout } = spawnSync(program, ['inspect', `--format=${format}`, name], { encoding: 'utf8' })
    return `${name}@${stdout.trim().replace(/^.*@/, '')}`
  }
  const digestFile = join(folder, 'digest')
  run(program, ['push', `--digestfile=${digestFile}`, name], hint)
  return `${name}@${(await readFile(digestFile, 'utf8')).trim()}`
}

function findBuilder(): Builder {
  const found = BUILDERS.find(({ program }) => spawnSync(program, ['--version']).status === 0)
  if (found !== undefined) return found
  throw new Error(
    'no program that builds images is on PATH: install buildah, podman or docker (on Debian and Ubuntu: apt-get install buildah)',
  )
}

/** The name itself when it has a version or a digest; otherwise with a hash of the image's content as the version. */
async function fullName(name: string, bundle: string, base = ''): Promise<string> {
  if (/[:@]/.test(name.slice(name.lastIndexOf('/') + 1))) return name
  const hash = createHash('sha256').update(`${base}\n`)
  for (const file of (await readdir(bundle)).sort())
    hash.update(`${file}\n`).update(await readFile(join(bundle, file)))
  hash.update(await readFile(CONTAINERFILE))
  return `${name}:${hash.digest('hex').slice(0, HASH_CHARS)}`
}

/** Runs a program and sends its output to standard error. Throws an Error with the hint when it fails. */
function run(program: string, args: readonly string[], hint: string): void {
  const { status, signal, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2] })
  if (status === 0) return
  const how = error?.message ?? signal ?? `exit code ${status ?? 0}`
  throw new Error(`${program} ${args[0] ?? ''} failed (${how}); its last lines above say why; ${hint}`)
}

try {
  await main()
} catch (thrown) {
  process.stderr.write(`error: ${messageOf(thrown)}\n`)
  process.exitCode = 1
}
