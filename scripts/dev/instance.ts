import { randomUUID } from 'node:crypto'
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { isOwn, type CacheEnvironment } from '../user-cache.ts'
import { isLocked, takeLock, type Lock } from './folder-lock.ts'
import { isLocalUrl } from './loopback.ts'
import { CHALLENGE_HEADER, createProver, PROOF_HEADER } from './proof.ts'
import { openStateDir, stateDir, stateDirFault } from './state-dir.ts'

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

function instanceFile(folder: string): string {
  return join(stateDir(folder), 'dev.json')
}

function lockFile(folder: string): string {
  return join(stateDir(folder), 'dev.lock')
}

/**
 * Makes this process the only `jobico dev` of a folder. Throws an Error that says who has the folder if another one starts,
 * serves or stops there, and what openStateDir throws.
 */
export async function claimFolder(folder: string): Promise<Claim> {
  openStateDir(folder)
  const file = instanceFile(folder)
  const lock = await takeFolder(lockFile(folder), file)
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

/** How often a lock is tried whose holder is not known: it has just taken the lock, or is about to release it. */
const TRIES = 5

/** Takes the lock of a folder; throws an Error that names the holder if another process keeps it. */
async function takeFolder(lockPath: string, file: string): Promise<Lock> {
  for (let tried = 1; ; tried++) {
    const lock = await takeLock(lockPath)
    if (lock !== undefined) return lock
    const holder = readInstance(file)
    if (holder !== undefined || tried === TRIES) throw takenBy(holder)
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

/** More than the addresses of all events of a large project take. */
const MOST_BYTES = 16 * 2 ** 20

function readInstance(file: string): Instance | undefined {
  try {
    const found = lstatSync(file)
    if (!found.isFile() || !isOwn(found) || found.size > MOST_BYTES) return undefined
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

/** The environment that says where the key of this user is, and where to tell what is not believed. */
export interface FindOptions {
  readonly environment: CacheEnvironment
  readonly warn: (text: string) => void
}

/**
 * Finds the `jobico dev` that serves in a folder, or else in its nearest parent that has one. A file alone proves nothing: the
 * process that it names has to be on this machine, and to know a key that only this user can read. Throws an Error if
 * somebody has the folder but does not prove that.
 */
export async function findInstance(folder: string, options: FindOptions): Promise<FoundInstance | undefined> {
  const fault = stateDirFault(folder)
  if (fault !== undefined) options.warn(`${fault}; no jobico dev is looked for in it`)
  else {
    const instance = readInstance(instanceFile(folder))
    if (instance?.url !== undefined && (await isLocked(lockFile(folder))))
      return { folder, instance: await proven(folder, instance.url, options.environment) }
  }
  const parent = dirname(folder)
  return parent === folder ? undefined : await findInstance(parent, options)
}

const PROOF_LIMIT_MS = 5_000

/** Asks the instance at an address to prove whose it is, and gives what it then says of itself. */
async function proven(folder: string, url: string, environment: CacheEnvironment): Promise<RunningInstance> {
  const refuse = (why: string): Error =>
    new Error(
      `${instanceFile(folder)} names ${url}, ${why}; stop what runs there and remove the file, or name a cluster with -n or --context`,
    )
  if (!isLocalUrl(url, 'http:')) throw refuse('which is no http address of this machine')
  const prover = createProver(environment, folder)
  const challenge = randomUUID()
  const answer = await fetch(url, {
    headers: { [CHALLENGE_HEADER]: challenge },
    redirect: 'error',
    signal: AbortSignal.timeout(PROOF_LIMIT_MS),
  }).catch((cause: unknown) => {
    throw Object.assign(refuse('where nobody answers'), { cause })
  })
  const body = await answer.text()
  if (!prover.verify(answer.headers.get(PROOF_HEADER), challenge, body))
    throw refuse('but no jobico dev of yours in this folder answers there')
  const instance = JSON.parse(body) as RunningInstance
  // Somebody else could pass the question on to the true one, which serves another address.
  if (instance.url !== url || !isLocalUrl(instance.natsUrl, 'nats:'))
    throw refuse('but the jobico dev that answers serves another address')
  return instance
}
