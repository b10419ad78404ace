import { clusterModules, shadowWarning } from '../target/modules.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import { createProgress } from '../terminal/progress.ts'
import { tableLines } from '../terminal/table.ts'
import { untilAccounts } from '../target/accounts.ts'
import type { ClusterTarget } from '../target/cluster.ts'
import { atPlatform, type ClusterOptions } from '../target/target.ts'
import { check } from './check.ts'
import { checkFiles, faultsOf, isGood } from './files.ts'
import { pushedForPrograms, pushedTable, type Pushed } from './view.ts'

/** How long the operator may take to make the account of a namespace with Jobs. */
const ACCOUNT_MS = 30_000

/** The options of `jobico push`. */
export interface PushOptions extends ClusterOptions {
  readonly output: Format
  /** Only checks the modules. */
  readonly check?: boolean
}

/**
 * Checks modules and puts them into the module store of the namespace; bytes that are there already are not sent again. If
 * any module is bad, stores nothing and throws an AggregateError with the faults of all.
 */
export async function push(files: readonly string[], options: PushOptions): Promise<void> {
  if (options.check === true) {
    await check(files, options)
    return
  }
  const { output } = options
  const pushed = await atPlatform(options, async (platform) => {
    if (platform.kind === 'dev')
      throw new Error(
        `${platform.place} reloads a module when its file is saved, so there is nothing to push; name a cluster with -n or --context to push into it, or only check with --check`,
      )
    return await pushInto(platform, files, output)
  })
  if (output === 'json') print(JSON.stringify(pushed.map(pushedForPrograms)), 'json')
  else
    tableLines(pushedTable(pushed)).forEach((line) => {
      print(line)
    })
}

async function pushInto(
  cluster: ClusterTarget,
  files: readonly string[],
  output: Format,
): Promise<readonly Pushed[]> {
  const { namespace } = cluster
  const jobs = await cluster.jobs()
  const checked = await checkFiles(files, jobs)
  const faults = faultsOf(checked)
  if (faults.length > 0) throw new AggregateError(faults)
  // The first Job of the namespace may have been applied a moment ago.
  if (jobs.length > 0) await untilAccounts(cluster, [namespace], ACCOUNT_MS)
  const target = clusterModules(cluster, output === 'text' ? createProgress(process.stderr) : undefined)
  const pushed: Pushed[] = []
  for (const { name, bytes, usedBy } of checked.filter(isGood)) {
    pushed.push({ ...(await target.push(namespace, name, bytes)), usedBy })
    const shadows = await target.shadows(namespace, name)
    if (shadows.length > 0) tell(shadowWarning(name, shadows))
  }
  return pushed
}
