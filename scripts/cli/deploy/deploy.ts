import type { Job } from '../../../crds/job.ts'
import { schemaDigest } from '../../../knative/resources/schema-copy.ts'
import { loadForCluster, type ClusterJob } from '../../job-files/cluster-files.ts'
import { findProject } from '../project/find-project.ts'
import { clusterModules, shadowWarning, type ClusterModules } from '../target/modules.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import { createProgress } from '../terminal/progress.ts'
import { hasAccount, untilAccounts } from '../target/accounts.ts'
import type { ClusterTarget } from '../target/cluster.ts'
import { atCluster, type ClusterOptions } from '../target/target.ts'
import { applyAll } from './apply.ts'
import { nextSteps } from './next-steps.ts'
import { changedSince, withOwners } from './owners.ts'
import type { ExpectedEvent } from './readiness.ts'
import { readModules, type ReadModule } from './modules.ts'
import { untilServed } from './wait.ts'

/** The options of `jobico deploy`. */
export interface DeployOptions extends ClusterOptions {
  /** Seconds. */
  readonly timeout: number
  readonly forceConflicts?: boolean
  readonly output: Format
}

interface Deployed {
  readonly job: ClusterJob
  readonly live: Job
}

/**
 * Deploys the Jobs, ConfigMaps and Secrets of files into a cluster: pushes the modules, applies the objects, and waits until
 * the Jobs serve. Modules for a namespace without any Job are pushed last. If a module is bad or the API server refuses an object, it changes nothing. Throws an Error when a Job does
 * not serve in time.
 */
export async function deploy(files: readonly string[], options: DeployOptions): Promise<void> {
  const { files: wanted } = findProject(files, 'deploy')
  await atCluster(options, async (cluster) => {
    const deployed = await deployInto(cluster, wanted, options)
    if (options.output === 'json') print(JSON.stringify(deployed.flatMap(forPrograms)), 'json')
    else
      for (const { job, live } of deployed)
        for (const line of await nextSteps(cluster.kube, { job, live, context: options.context })) print(line)
  })
}

async function deployInto(
  cluster: ClusterTarget,
  files: readonly string[],
  { namespace, timeout, forceConflicts: force = false, output }: DeployOptions,
): Promise<readonly Deployed[]> {
  const modules = clusterModules(cluster, output === 'text' ? createProgress(process.stderr) : undefined)
  const { jobs, objects } = await loadForCluster(files, {
    namespace: cluster.namespace,
    only: namespace !== undefined,
    hasModule: modules.has,
  })
  const read = await readModules(jobs)
  const { kube } = cluster
  const owned = await withOwners(kube, objects)
  await applyAll(kube, owned, { dryRun: true, force })
  // The operator makes the account of a namespace for its first Job: there is no version yet that a push could come too late for.
  const later = new Set<string>()
  for (const of of new Set(read.map((module) => module.namespace)))
    if (!(await hasAccount(cluster, of))) later.add(of)
  const pushed = await pushAll(
    modules,
    read.filter((module) => !later.has(module.namespace)),
  )
  await applyAll(kube, owned, { dryRun: false, force })
  // A Job that is new has its uid only now.
  await applyAll(kube, changedSince(owned, await withOwners(kube, objects)), { dryRun: false, force })
  for (const { kind, namespace: of, name } of objects) log(`applied ${kind} ${of}/${name}`)
  const how = { timeoutMs: timeout * 1_000, progress: log }
  await untilAccounts(cluster, later, how.timeoutMs)
  const first = await pushAll(
    modules,
    read.filter((module) => later.has(module.namespace)),
  )
  const serving = await unshadowed(modules, [...pushed, ...first])
  return await Promise.all(
    jobs.map(async (job) => ({
      job,
      live: await untilServed(kube, { ...job, events: expectedOf(job, serving) }, how),
    })),
  )
}

function log(line: string): void {
  tell(line)
}

interface PushedModule {
  readonly namespace: string
  readonly name: string
  readonly digest: string
}

async function pushAll(
  modules: ClusterModules,
  read: readonly ReadModule[],
): Promise<readonly PushedModule[]> {
  const pushed: PushedModule[] = []
  for (const { namespace, name, bytes } of read) {
    const { digest, sent } = await modules.push(namespace, name, bytes)
    log(sent ? `pushed ${name} into ${namespace}: ${digest}` : `unchanged ${name} in ${namespace}: ${digest}`)
    pushed.push({ namespace, name, digest })
  }
  return pushed
}

/** The pushed modules that will serve: those that no ConfigMap shadows, not even one of the files just applied. */
async function unshadowed(
  modules: ClusterModules,
  pushed: readonly PushedModule[],
): Promise<readonly PushedModule[]> {
  const serving: PushedModule[] = []
  for (const module of pushed) {
    const shadows = await modules.shadows(module.namespace, module.name)
    if (shadows.length > 0) log(shadowWarning(module.name, shadows))
    else serving.push(module)
  }
  return serving
}

function expectedOf(
  { namespace, events }: ClusterJob,
  serving: readonly PushedModule[],
): readonly ExpectedEvent[] {
  return events.map(({ name, wasm, schema }) => {
    const module = serving.find((each) => each.namespace === namespace && each.name === wasm)?.digest
    return {
      name,
      ...(module === undefined ? {} : { module }),
      ...(schema === undefined ? {} : { schema: schemaDigest(schema.text) }),
    }
  })
}

function forPrograms({ job: { namespace, name: job }, live }: Deployed) {
  const { events = [] } = live.status ?? {}
  return events.map(({ name: event, url, module }) => ({ namespace, job, event, url, module }))
}
