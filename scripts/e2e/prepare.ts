import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'

import { JobicoError } from '../../functions/process/errors.ts'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { sampleModules } from '../build-examples.ts'
import { debianFile } from '../testing/debian.ts'
import { mustRun, runProgram } from '../testing/program.ts'

const HERE = import.meta.dirname
const BUILD = join(HERE, 'build')
const ROOT = resolve(HERE, '..', '..')
const CLUSTER = resolve(HERE, '..', 'cluster')
/** The folder of the kustomization that is applied. */
const INSTALL = join(BUILD, 'install')
/** The image of NATS that the test cluster has. */
const NATS_IMAGE = { name: 'nats', newName: 'dev.local/nats-server', newTag: 'v2.15.1' }
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

/** How many NATS servers are installed, and the folder of each installation. */
const INSTALLATIONS = { 1: 'knative/install/single', 3: 'knative/install' } as const
export type Servers = keyof typeof INSTALLATIONS

/**
 * Installs Jobico with an image and so many NATS servers, and waits until it runs. If there is another number of servers, it
 * removes these first with all that they store, because the streams of one can't become those of another number.
 */
export async function install(image: string, servers: Servers): Promise<void> {
  await removeOtherServers(servers)
  const [newName, newTag] = image.split(':')
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [join(relative(INSTALL, ROOT), INSTALLATIONS[servers])],
    images: [{ name: 'jobico', newName, newTag }, NATS_IMAGE],
  }
  await mkdir(INSTALL, { recursive: true })
  await writeFile(join(INSTALL, 'kustomization.yaml'), JSON.stringify(kustomization))
  await kubectl('apply', '--server-side', '--force-conflicts', '-k', INSTALL)
  for (const what of ['statefulset/nats', 'deployment/jobico-operator'])
    await kubectl('rollout', 'status', what, '-n', SYSTEM, '--timeout=300s')
}

async function removeOtherServers(servers: Servers): Promise<void> {
  const replicas = ['-o', 'jsonpath={.spec.replicas}']
  const there = await kubectl('get', 'statefulset', 'nats', '-n', SYSTEM, '--ignore-not-found', ...replicas)
  if (there === '' || there === String(servers)) return
  await kubectl('delete', 'statefulset', 'nats', '-n', SYSTEM, '--cascade=orphan')
  const ofNats = ['-n', SYSTEM, '-l', 'app.kubernetes.io/name=nats']
  await kubectl('delete', 'pods', ...ofNats, '--grace-period=0', '--force')
  await kubectl('delete', 'persistentvolumeclaims', ...ofNats)
  await mustRun(join(CLUSTER, 'volumes'), [])
}

function kubectl(...args: readonly string[]): Promise<string> {
  return mustRun(RUN, ['kubectl', ...args])
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
