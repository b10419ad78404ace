import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

import { messageOf } from '../../functions/process/errors.ts'
import type { QueuePlan } from '../../functions/queues/stream-config.ts'
import { loadJobs } from '../job-files/load.ts'
import type { LoadedJobs } from '../job-files/local-job.ts'
import { createChildren, type Children } from './processes/children.ts'
import { createCompiler } from './compiler/compiler.ts'
import { desiredOf, type Desired, type PreparedJob } from './desired.ts'
import { startGateway, type Gateway } from './gateway/gateway.ts'
import { claimFolder, stateDir, type Claim, type InstanceEvent, type RunningInstance } from './instance.ts'
import { keepQueues, makeQueues } from './processes/keep-queues.ts'
import { createLauncher, type Launcher } from './processes/launcher.ts'
import { keepNats, type KeptNats } from './processes/nats.ts'
import { createPrepare, type Prepare } from './compiler/prepare.ts'
import type { Show } from './output/report.ts'
import { createRunFolder, type RunFolder } from './processes/run-folder.ts'
import { coalesce } from './coalesce.ts'
import { watchFiles } from './watch.ts'

/** How to run Jobs on this machine. */
export interface DevOptions {
  /** Where `.jobico` goes. */
  readonly folder: string
  readonly files: readonly string[]
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly logLevel: string
  /** The environment of this process, of which the children get what is not of Jobico's contract. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly show: Show
  /** Called at the start and after each change that was taken over. */
  readonly onServing?: (serving: Serving) => Promise<void>
}

/** What serves now. */
export interface Serving {
  readonly instance: RunningInstance
  readonly jobs: readonly PreparedJob[]
  readonly desired: Desired
  /** The ids of the children that are new, of a new version, or gone. */
  readonly changed: readonly string[]
}

/** Jobs that run on this machine. */
export interface Dev {
  readonly instance: () => RunningInstance
  /** The processes of the children, by id such as `runner/ev1`. */
  readonly pids: () => ReadonlyMap<string, number>
  /** Takes no more requests, lets the children finish, and ends everything. */
  stop(): Promise<void>
  /** Ends the children at once; what else there is ends with this process. */
  kill(): void
}

const DRAIN_LIMIT_MS = 2_000

/**
 * Runs Jobs on this machine until it is stopped, and reloads what changes. Throws an Error that names the fix where they
 * can not be started, and leaves nothing running then.
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const { watched } = await loadJobs(options.files)
  const scope = createScope()
  try {
    const ground = await openGround(options, scope)
    scope.add(() => stopServing(ground))
    const brought = Promise.withResolvers<undefined>()
    const reload = coalesce(async () => {
      await brought.promise
      await reloadFiles(ground, watch.follow)
    })
    const watch = watchFiles(watched, reload.ask)
    scope.add(() => watch.close())
    // Read again, as what was saved before the files were watched would be missed.
    const loaded = await loadJobs(options.files)
    watch.follow(loaded.watched)
    await bring(ground, loaded)
    brought.resolve(undefined)
    return {
      instance: () => instanceOf(ground),
      pids: ground.children.pids,
      async stop() {
        await scope.close()
        await reload.close()
      },
      kill() {
        ground.children.kill()
        ground.launcher.close()
      },
    }
  } catch (fault) {
    await scope.close()
    throw fault
  }
}

/** Closes what was opened, last things first. */
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

/** What the Jobs run on, which stays while they change. */
interface Ground {
  readonly options: DevOptions
  readonly claim: Claim
  readonly prepare: Prepare
  readonly gateway: Gateway
  readonly nats: KeptNats
  readonly runFolder: RunFolder
  readonly launcher: Launcher
  readonly children: Children
  jobs: readonly PreparedJob[]
  plans: readonly QueuePlan[]
  stopping: boolean
}

async function openGround(options: DevOptions, scope: Scope): Promise<Ground> {
  const { folder, show, environment } = options
  const claim = await claimFolder(folder)
  scope.add(() => claim.release())
  const gateway = await startGateway({ ...options, describe: () => instanceOf(ground) })
  scope.add(() => gateway.kill())
  const compiler = createCompiler({ optimize: false }) // what is saved is to serve at once
  scope.add(() => compiler.close())
  const runFolder = await createRunFolder(stateDir(folder))
  scope.add(() => runFolder.remove())
  const nats = await keepNats({
    storeDir: join(stateDir(folder), 'nats'),
    environment,
    show,
    progress: (text) => show({ kind: 'note', level: 'info', text }),
    onRestart: () => restoreQueues(ground),
  })
  scope.add(() => nats.stop())
  const prepare = createPrepare(compiler, (text) => show({ kind: 'note', level: 'warn', text }))
  const launcher = createLauncher(childEnvironment(options))
  scope.add(() => launcher.close())
  const children = createChildren({ launch: launcher.launch, show }, gateway)
  const ground: Ground = {
    ...{ options, claim, gateway, nats, runFolder, launcher, children, prepare },
    jobs: [],
    plans: [],
    stopping: false,
  }
  scope.add(keepQueues(nats.url, () => ground.plans))
  return ground
}

/** Lets the children have this process's environment, such as PATH and proxies, without what would configure them. */
function childEnvironment({ environment, folder }: DevOptions): Readonly<Record<string, string | undefined>> {
  const kept = Object.entries(environment).filter(([name]) => !/^(JOBICO|NATS)_/.test(name))
  return { NODE_COMPILE_CACHE: join(stateDir(folder), 'cache'), ...Object.fromEntries(kept) }
}

function instanceOf({ gateway, nats, jobs }: Ground): RunningInstance {
  const events = jobs.flatMap(({ namespace, name, events: ofJob }) =>
    ofJob.map(({ name: event }): InstanceEvent => ({
      namespace,
      job: name,
      event,
      url: `${gateway.url}/listener/${event}`,
    })),
  )
  return { pid: process.pid, url: gateway.url, natsUrl: nats.url, natsPid: nats.pid(), events }
}

/** Makes Jobs serve in place of those that do. Where that fails, all stays as it was. */
async function bring(ground: Ground, { jobs: wanted }: LoadedJobs): Promise<void> {
  const { options, claim, nats, runFolder, launcher, children } = ground
  const jobs = await ground.prepare(wanted)
  const { logLevel } = options
  const desired = desiredOf(jobs, { natsUrl: nats.url, runDir: runFolder.path, logLevel })
  // What keeps the queues looks after those that are there.
  if (!isDeepStrictEqual(desired.plans, ground.plans)) await makeQueues(nats.url, desired.plans)
  await runFolder.write(desired.files)
  const changed = await children.apply(desired.children)
  ground.jobs = jobs
  ground.plans = desired.plans
  await claim.publish(instanceOf(ground))
  if (!ground.stopping) launcher.prepare()
  await options.onServing?.({ instance: instanceOf(ground), jobs, desired, changed })
}

async function reloadFiles(ground: Ground, follow: (paths: readonly string[]) => void): Promise<void> {
  const { files, show } = ground.options
  try {
    const loaded = await loadJobs(files)
    follow(loaded.watched)
    await bring(ground, loaded)
  } catch (fault) {
    if (ground.stopping) return
    const text = `${messageOf(fault)}\n  the version before goes on serving; save the file again when it is mended`
    show({ kind: 'note', level: 'error', text })
  }
}

/** Queues in memory are gone with the server that had them. */
async function restoreQueues(ground: Ground): Promise<void> {
  await makeQueues(ground.nats.url, ground.plans)
  await ground.claim.publish(instanceOf(ground))
}

async function stopServing(ground: Ground): Promise<void> {
  const { gateway, children } = ground
  ground.stopping = true
  const drained = gateway.close()
  await children.stop()
  await Promise.race([drained, delay(DRAIN_LIMIT_MS, undefined, { ref: false })])
}
