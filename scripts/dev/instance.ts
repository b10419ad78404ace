import { rmSync } from 'node:fs'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** An event that a running `jobico dev` serves. */
export interface InstanceEvent {
  readonly namespace: string
  readonly job: string
  readonly event: string
  readonly url: string
  /** Digest of the module that runs. */
  readonly module: string
}

/** The content of `.jobico/dev.json`, about the `jobico dev` that runs in the folder. */
export interface Instance {
  readonly pid: number
  /** URL of the gateway; missing while it starts. */
  readonly url?: string
  readonly natsUrl?: string
  readonly natsPid?: number
  readonly events?: readonly InstanceEvent[]
}

/** An instance that serves. */
export type RunningInstance = Required<Instance>

/** Makes this process the only `jobico dev` of a folder. */
export interface Claim {
  /** Writes the addresses of this instance into `.jobico/dev.json`. */
  publish(instance: RunningInstance): Promise<void>
  /** Removes `.jobico/dev.json`. The exit of this process does so, too. */
  release(): void
}

const PROBE_MS = 1_000
const NATS_END_LIMIT_MS = 5_000
const POLL_MS = 20

/** The folder for the files of an instance. */
export function stateDir(folder: string): string {
  return join(folder, '.jobico')
}

function instanceFile(folder: string): string {
  return join(stateDir(folder), 'dev.json')
}

/**
 * Makes this process the only `jobico dev` of a folder. Throws an Error if another one runs there. If that one was killed,
 * waits for its nats-server to end, and takes over.
 */
export async function claimFolder(folder: string): Promise<Claim> {
  const file = instanceFile(folder)
  await mkdir(stateDir(folder), { recursive: true })
  const draft = `${file}.${process.pid}`
  const write = (instance: Instance) => writeFile(draft, `${JSON.stringify(instance, null, 2)}\n`)
  await write({ pid: process.pid })
  try {
    while (!(await linked(draft, file))) await removeStale(file)
  } finally {
    await rm(draft, { force: true })
  }
  const release = () => rmSync(file, { force: true })
  process.once('exit', release)
  return {
    async publish(instance) {
      await write(instance)
      await rename(draft, file)
    },
    release() {
      process.off('exit', release)
      release()
    },
  }
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file)
    return true
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw fault
  }
}

async function removeStale(file: string): Promise<void> {
  const instance = await readInstance(file)
  if (instance !== undefined && (await isRunning(instance))) {
    const where = instance.url === undefined ? 'is starting' : `serves ${instance.url}`
    throw new Error(
      `jobico dev runs in this folder already (process ${instance.pid} ${where}); stop it with Ctrl-C, or start this one in another folder`,
    )
  }
  await waitForExit(instance?.natsPid)
  await rm(file, { force: true })
}

/** A process id may be reused, in containers even at once. So a process that serves has to confirm its id over HTTP. */
async function isRunning({ pid, url }: Instance): Promise<boolean> {
  if (pid === process.pid || !isAlive(pid)) return false
  if (url === undefined) return true
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) })
    return ((await answer.json()) as Partial<Instance>).pid === pid
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Waits for the nats-server of a killed instance to end, because two servers on one store would damage it. */
async function waitForExit(natsPid: number | undefined): Promise<void> {
  const deadline = performance.now() + NATS_END_LIMIT_MS
  while (natsPid !== undefined && isAlive(natsPid) && performance.now() < deadline) await delay(POLL_MS)
}

async function readInstance(file: string): Promise<Instance | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Partial<Instance>
    return typeof value.pid === 'number' ? { ...value, pid: value.pid } : undefined
  } catch {
    return undefined
  }
}

/** An instance, and the folder it runs in. */
export interface FoundInstance {
  readonly folder: string
  readonly instance: RunningInstance
}

/** Finds the `jobico dev` that serves in a folder, or else in its nearest parent that has one. */
export async function findInstance(folder: string): Promise<FoundInstance | undefined> {
  const instance = await readInstance(instanceFile(folder))
  if (instance?.url !== undefined && isAlive(instance.pid))
    return { folder, instance: instance as RunningInstance }
  const parent = dirname(folder)
  return parent === folder ? undefined : await findInstance(parent)
}
