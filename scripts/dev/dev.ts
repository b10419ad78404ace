import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

import { credentials } from '../../functions/identity/issue.ts'
import type { InstallationKeys } from '../../functions/identity/keys.ts'
import type { NatsOptions } from '../../functions/jetstream/connection.ts'
import { messageOf } from '../../functions/process/errors.ts'
import { loadJobs } from '../job-files/load.ts'
import type { LoadedJobs } from '../job-files/local-job.ts'
import { createChildren, type Children } from './processes/children.ts'
import { createCompiler, type Compiler } from './compiler/compiler.ts'
import { desiredOf, type Desired, type LocalQueuePlan, type PreparedJob } from './desired-processes.ts'
import { startGateway, type Gateway } from './gateway/gateway.ts'
import { claimFolder, type Claim, type InstanceEvent, type RunningInstance } from './instance.ts'
import { createProver } from './proof.ts'
import { stateDir } from './state-dir.ts'
import { userCache } from '../user-cache.ts'
import { devAccess, devAccount, devKeys } from './keys.ts'
import { keepQueues, makeQueues, upgradeQueues } from './processes/keep-queues.ts'
import { guardStorage } from './processes/guard-storage.ts'
import { createLauncher, type Launcher } from './processes/launcher.ts'
import { keepNats, type KeptNats } from './processes/nats.ts'
import { buildRecords } from './compiler/build-record.ts'
import { createPrepare, type Prepare } from './compiler/prepare.ts'
import type { Show } from './output/report.ts'
import { createRunFolder, type RunFolder } from './processes/run-folder.ts'
import { coalesce } from './coalesce.ts'
import { lookedFor, mistakeOf, rightAgain, type Mistake } from './mistake.ts'
import { changedSince, watchFiles } from './watch.ts'

/** How to run Jobs on this machine. */
export interface DevOptions {
  /** The folder in which `.jobico` is made. */
  readonly folder: string
  readonly files: readonly string[]
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly logLevel: string
  /** The environment of this process. The children get it without the variables named JOBICO_* and NATS_*. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly show: Show
  /** Called at the start and after each successful reload. */
  readonly onServing?: (serving: Serving) => Promise<void>
}

/** What serves at one time. */
export interface Serving {
  readonly instance: RunningInstance
  readonly jobs: readonly PreparedJob[]
  readonly desired: Desired
  /** The ids of the children that were started, replaced or removed. */
  readonly changed: readonly string[]
}

/** A running `jobico dev`. */
export interface Dev {
  readonly instance: () => RunningInstance
  /** The processes of the children, by id such as `runner/ev1`. */
  readonly pids: () => ReadonlyMap<string, number>
  /** Accepts no more requests, lets the children finish, and ends everything. */
  stop(): Promise<void>
  /** Kills the children; everything else ends with this process. */
  kill(): void
}

const DRAIN_LIMIT_MS = 2_000

/**
 * Runs Jobs on this machine until it is stopped, and reloads them when a file changes. If they can not be started, leaves
 * nothing running and throws an Error that names the fix.
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const scope = createScope()
  try {
    const compiler = createCompiler({ optimize: false }) // compiles faster, so that a save serves sooner
    scope.add(() => compiler.close())
    if (options.files.some(hasSources)) compiler.warm()
    const { watched } = await loadJobs(options.files)
    const runtime = await openRuntime(options, compiler, scope)
    await startServing(runtime, watched, scope)
    return {
      instance: () => instanceOf(runtime),
      pids: runtime.children.pids,
      stop: () => scope.close(),
      kill() {
        runtime.children.kill()
        runtime.launcher.close()
      },
    }
  } catch (fault) {
    await scope.close()
    throw fault
  }
}

/** Serves, and reloads from then on. `watched` are the files in which a change would be missed otherwise. */
async function startServing(runtime: Runtime, watched: readonly string[], scope: Scope): Promise<void> {
  const { show } = runtime.options
  const started = Promise.withResolvers<boolean>()
  const reload = coalesce(async () => {
    if (await started.promise) await reloadFiles(runtime, watchRead)
  })
  scope.add(() => reload.close())
  scope.add(() => stopServing(runtime))
  const watch = watchFiles(watched, reload.ask, (text) => show({ kind: 'note', level: 'warn', text }))
  scope.add(() => watch.close())
  const watchRead = (since: number) => {
    watch.follow(runtime.read)
    // These may have been read before they were watched.
    if (changedSince(runtime.read, since)) reload.ask()
  }
  const startedAt = Date.now()
  try {
    await serve(runtime, await load(runtime))
    watchRead(startedAt)
    started.resolve(true)
  } catch (fault) {
    started.resolve(false)
    throw fault
  }
}

/** Whether there may be AssemblyScript beside a Job file. */
function hasSources(file: string): boolean {
  return existsSync(join(dirname(file), 'assembly'))
}

/** Closes what was opened, in reverse order. */
interface Scope {
  add(closer: () => unknown): void
  close(): Promise<void>
}

function createScope(): Scope {
  const closers: (() => unknown)[] = []
  return {
    add: (closer) => void closers.push(closer),
    async close() {
      for (const closer of closers.splice(0).reverse()) await closer()
    },
  }
}

/** What stays the same while Jobs are reloaded, and the Jobs that serve now. */
interface Runtime {
  readonly options: DevOptions
  readonly claim: Claim
  readonly prepare: Prepare
  readonly gateway: Gateway
  readonly nats: KeptNats
  readonly keys: InstallationKeys
  /** How this process connects to NATS. */
  readonly access: Pick<NatsOptions, 'url' | 'credentials'>
  readonly runFolder: RunFolder
  readonly launcher: Launcher
  readonly children: Children
  jobs: readonly PreparedJob[]
  plans: readonly LocalQueuePlan[]
  /** All paths that the last load looked at: those of Job files, and what the compiler read or did not find. */
  read: string[]
  /** The mistake for which the last reload failed. */
  mistake: Mistake | undefined
  stopping: boolean
}

async function openRuntime(options: DevOptions, compiler: Compiler, scope: Scope): Promise<Runtime> {
  const { folder, show, environment } = options
  const claim = await claimFolder(folder)
  scope.add(() => claim.release())
  const { prove } = createProver(environment, folder)
  const gateway = await startGateway({ ...options, describe: () => instanceOf(runtime), prove })
  scope.add(() => gateway.kill())
  const runFolder = await createRunFolder(stateDir(folder))
  scope.add(() => runFolder.remove())
  const { nats, keys, access } = await openNats(options, scope, () => restoreQueues(runtime))
  const prepare = createPrepare(compiler, {
    records: buildRecords(environment),
    warn: (text) => show({ kind: 'note', level: 'warn', text }),
    onRead: (paths) => void runtime.read.push(...paths),
  })
  const launcher = createLauncher(childEnvironment(options), bundleDirOf(options))
  scope.add(() => launcher.close())
  const children = createChildren({ launch: launcher.launch, show }, gateway)
  const runtime: Runtime = {
    ...{ options, claim, gateway, nats, keys, access, runFolder, launcher, children, prepare },
    jobs: [],
    plans: [],
    read: [],
    mistake: undefined,
    stopping: false,
  }
  scope.add(keepQueues(access, () => runtime.plans))
  return runtime
}

/** Starts NATS with the keys of the folder and the user, and watches the disk on which its streams are. */
async function openNats(options: DevOptions, scope: Scope, onRestart: () => Promise<void>) {
  const { folder, show, environment } = options
  const place = { storeDir: join(stateDir(folder), 'nats'), environment }
  const keys = devKeys(place)
  const nats = await keepNats({
    ...place,
    identities: { keys, accounts: [devAccount()], accountOf: devAccount },
    show,
    progress: (text) => show({ kind: 'note', level: 'info', text }),
    onRestart,
  })
  scope.add(() => nats.stop())
  scope.add(await guardStorage(stateDir(folder), nats, credentials(keys, 'storage', 'storage'), show))
  return { nats, keys, access: devAccess(nats.url, place, 'operator') }
}

/**
 * Passes this process's environment to the children, such as PATH and proxies, without the variables that configure them.
 */
function childEnvironment({ environment }: DevOptions): Readonly<Record<string, string | undefined>> {
  const kept = Object.entries(environment).filter(([name]) => !/^(JOBICO|NATS)_/.test(name))
  // Node runs what it finds there without looking at the source again.
  return { NODE_COMPILE_CACHE: userCache(environment, 'node'), ...Object.fromEntries(kept) }
}

/** A folder for the bundles of the processes, which are run: so it is not in the project. */
function bundleDirOf({ environment, folder }: DevOptions): string {
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex')
  return join(userCache(environment, 'processes'), name)
}

function instanceOf({ gateway, nats, jobs, stopping }: Runtime): RunningInstance {
  const events = jobs.flatMap(({ namespace, name, events: ofJob }) =>
    ofJob.map(({ name: event, digest: module }): InstanceEvent => ({
      namespace,
      job: name,
      event,
      module,
      url: `${gateway.url}/listener/${event}`,
    })),
  )
  const running = { pid: process.pid, url: gateway.url, natsUrl: nats.url, natsPid: nats.pid(), events }
  return stopping ? { ...running, stopping } : running
}

async function load(runtime: Runtime): Promise<LoadedJobs> {
  const loaded = await loadJobs(runtime.options.files)
  runtime.read = [...loaded.watched]
  return loaded
}

/**
 * Makes Jobs serve in place of the current ones, and returns the ids of changed children. If that fails, the current ones
 * keep serving.
 */
async function serve(runtime: Runtime, { jobs: wanted }: LoadedJobs): Promise<readonly string[]> {
  const { options, claim, nats, keys, access, runFolder, launcher, children } = runtime
  const jobs = await runtime.prepare(wanted)
  const { logLevel } = options
  const desired = desiredOf(jobs, {
    ...{ natsUrl: nats.url, runDir: runFolder.path, logLevel },
    credentials: {
      listener: credentials(keys, devAccount(), 'listener'),
      runner: credentials(keys, devAccount(), 'runner'),
    },
  })
  // keepQueues looks after queues whose plans did not change.
  if (!isDeepStrictEqual(desired.plans, runtime.plans)) {
    await makeQueues(access, desired.plans)
    await upgradeQueues(access, desired.plans, (text) => options.show({ kind: 'note', level: 'info', text }))
  }
  await runFolder.write(desired.files)
  await launcher.expect(desired.children.length)
  const changed = await children.apply(desired.children)
  runtime.jobs = jobs
  runtime.plans = desired.plans
  claim.publish(instanceOf(runtime))
  if (!runtime.stopping) launcher.prepare()
  await options.onServing?.({ instance: instanceOf(runtime), jobs, desired, changed })
  return changed
}

async function reloadFiles(runtime: Runtime, watchRead: (since: number) => void): Promise<void> {
  const { show } = runtime.options
  const startedAt = Date.now()
  try {
    const changed = await serve(runtime, await load(runtime))
    if (runtime.mistake !== undefined && changed.length === 0)
      show({ kind: 'note', level: 'info', text: `${rightAgain(runtime.mistake)}; nothing changed` })
    runtime.mistake = undefined
  } catch (fault) {
    if (runtime.stopping) return
    runtime.mistake = mistakeOf(fault)
    runtime.read = [...new Set([...runtime.read, ...lookedFor(fault)])]
    const text = `${messageOf(fault)}\n  the previous version keeps serving; correct the file and save it again`
    show({ kind: 'note', level: 'error', text })
  }
  watchRead(startedAt)
}

/** Makes the queues again after a restart of nats-server: queues in memory are lost with it. */
async function restoreQueues(runtime: Runtime): Promise<void> {
  await makeQueues(runtime.access, runtime.plans)
  runtime.claim.publish(instanceOf(runtime))
}

async function stopServing(runtime: Runtime): Promise<void> {
  const { gateway, children, claim } = runtime
  runtime.stopping = true
  claim.publish(instanceOf(runtime))
  const drained = gateway.close()
  await children.stop()
  await Promise.race([drained, delay(DRAIN_LIMIT_MS, undefined, { ref: false })])
}
