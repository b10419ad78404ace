import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { isLocked, takeLock } from './folder-lock.ts'

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
  /** Set once it accepts no more events, and finishes those that run. */
  readonly stopping?: true
}

/** An instance that serves, or is stopping. */
export type RunningInstance = Required<Omit<Instance, 'stopping'>> & Pick<Instance, 'stopping'>

/** Makes this process the only `jobico dev` of a folder, until it releases the claim or ends. */
export interface Claim {
  /** Writes what this instance serves into `.jobico/dev.json`. Does nothing after the release. */
  publish(instance: RunningInstance): void
  /** Removes `.jobico/dev.json`, as the exit of this process does, and lets another process claim the folder. */
  release(): void
}

/** The folder for the files of an instance. */
export function stateDir(folder: string): string {
  return join(folder, '.jobico')
}

function instanceFile(folder: string): string {
  return join(stateDir(folder), 'dev.json')
}

function lockFile(folder: string): string {
  return join(stateDir(folder), 'dev.lock')
}

/**
 * Makes this process the only `jobico dev` of a folder. Throws an Error that says who has the folder if another one starts,
 * serves or stops there.
 */
export async function claimFolder(folder: string): Promise<Claim> {
  mkdirSync(stateDir(folder), { recursive: true })
  const file = instanceFile(folder)
  const lock = await takeLock(lockFile(folder))
  if (lock === undefined) throw takenBy(readInstance(file))
  const publish = (instance: Instance) => {
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, `${JSON.stringify(instance, null, 2)}\n`)
    renameSync(draft, file)
  }
  let released = false
  const remove = () => {
    // Somebody may have removed the folder meanwhile, and another instance may have made it again.
    if (readInstance(file)?.pid === process.pid) rmSync(file, { force: true })
  }
  publish({ pid: process.pid })
  process.once('exit', remove)
  return {
    publish(instance) {
      if (!released) publish(instance)
    },
    release() {
      released = true
      process.off('exit', remove)
      remove()
      lock.release()
    },
  }
}

function takenBy(holder: Instance | undefined): Error {
  if (holder === undefined) return new Error('jobico dev starts in this folder already; wait until it serves')
  const { pid, url, stopping } = holder
  if (stopping)
    return new Error(
      `jobico dev still runs in this folder (process ${pid}, which served ${url}, is stopping and finishes the events that run); start it again when that process has ended`,
    )
  const does = url === undefined ? 'is starting' : `serves ${url}`
  return new Error(
    `jobico dev runs in this folder already (process ${pid} ${does}); stop it with Ctrl-C, or start this one in another folder`,
  )
}

function readInstance(file: string): Instance | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Instance>
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
  const instance = readInstance(instanceFile(folder))
  if (instance?.url !== undefined && (await isLocked(lockFile(folder))))
    return { folder, instance: instance as RunningInstance }
  const parent = dirname(folder)
  return parent === folder ? undefined : await findInstance(parent)
}
