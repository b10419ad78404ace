import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { JobicoError } from '../../functions/process/errors.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { sampleModules } from '../build-examples.ts'
import { debianFile } from '../testing/debian.ts'
import { mustRun, runProgram } from '../testing/program.ts'

const HERE = import.meta.dirname
const BUILD = join(HERE, 'build')
const CLUSTER = resolve(HERE, '..', 'cluster')
const SYSTEM = 'jobico-system'
const SAMPLES = ['echo', 'chain']
const VERSIONS = ['v1', 'v2', 'v3']

/** The program that runs a command in the network of the test cluster. */
export const RUN = join(CLUSTER, 'run')

/** Starts the test cluster if it is not up; `wasUp` says whether it was. */
export async function ensureCluster(): Promise<{ readonly wasUp: boolean }> {
  const { code } = await runProgram(join(CLUSTER, 'status'), [])
  if (code !== 0) await mustRun(join(CLUSTER, 'up'), [], { show: true })
  return { wasUp: code === 0 }
}

/** Takes the test cluster down. */
export async function removeCluster(): Promise<void> {
  await mustRun(join(CLUSTER, 'down'), [], { show: true })
}

/** Builds the image of this tree and loads it into the cluster. Returns its name, which ends with a hash of its content. */
export async function loadImage(): Promise<string> {
  const options = ['--tag', 'dev.local/jobico', '--base', 'localhost/node:24']
  const said = await mustRun('npm', ['run', '--silent', 'image', '--', ...options])
  const image = /^(\S+) \S+\s*$/m.exec(said)?.[1]
  if (image === undefined) throw new JobicoError('INTERNAL', `npm run image named no image: ${said}`)
  await mustRun(join(CLUSTER, 'load'), [image])
  return image
}

/** Installs Jobico with an image, and waits until it runs. */
export async function install(image: string): Promise<void> {
  const [newName, newTag] = image.split(':')
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: ['../../install'],
    images: [{ name: newName, newTag }],
  }
  const folder = join(BUILD, 'install')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization))
  await mustRun(RUN, ['kubectl', 'apply', '--server-side', '--force-conflicts', '-k', folder])
  for (const what of ['statefulset/nats', 'deployment/jobico-operator'])
    await mustRun(RUN, ['kubectl', 'rollout', 'status', what, '-n', SYSTEM, '--timeout=300s'])
}

/** Compiles the modules that the cases run. Returns their folder. */
export async function compileModules(): Promise<string> {
  const folder = join(BUILD, 'modules')
  const own = VERSIONS.map((version) => ({
    entry: join(HERE, 'assembly', `${version}.ts`),
    out: join(folder, `${version}.wasm`),
  }))
  const samples = (await Promise.all(SAMPLES.map(sampleModules))).flat()
  const faults = {
    entry: join(HERE, '..', 'faults', 'assembly', 'guest.ts'),
    out: join(folder, 'faults.wasm'),
  }
  const all = [
    ...own,
    faults,
    ...samples.map(({ entry, out }) => ({ entry, out: join(folder, fileOf(out)) })),
  ]
  for (const module of all) await compileAssemblyScript(module)
  return folder
}

function fileOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Downloads the nats-server of Debian, which is too old for Jobico. Returns its path. */
export function fetchOldNats(): Promise<string> {
  return debianFile(BUILD, { packages: ['nats-server'], name: 'nats-server' })
}
