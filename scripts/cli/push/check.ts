import type { Job } from '../../../crds/job.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import { print, type Format } from '../terminal/output.ts'
import { atCluster, type ClusterOptions } from '../target/target.ts'
import { checkFiles, DEFAULT_MEMORY, faultsOf, isGood } from './files.ts'
import { checkedForPrograms, checkedLines } from './view.ts'

/** The options of `jobico push --check`. */
export interface CheckOptions extends ClusterOptions {
  readonly output: Format
}

/**
 * Prints what modules are, and puts them nowhere. They are held against the memory of the Jobs that use them, where a cluster
 * can be asked. Throws an AggregateError with all that is wrong with any of them.
 */
export async function check(files: readonly string[], { output, ...where }: CheckOptions): Promise<void> {
  const checked = await checkFiles(files, await knownJobs(where))
  if (output === 'json') print(JSON.stringify(checked.map(checkedForPrograms)))
  else checkedLines(checked.filter(isGood)).forEach(print)
  const faults = faultsOf(checked)
  if (faults.length > 0) throw new AggregateError(faults)
}

/** The Jobs of the cluster; none where it can't be asked, unless it was named. */
async function knownJobs(where: ClusterOptions): Promise<readonly Job[]> {
  try {
    return await atCluster(where, (cluster) => cluster.jobs())
  } catch (fault) {
    if (where.namespace !== undefined || where.context !== undefined) throw fault
    process.stderr.write(
      `no Jobs are known, so each module is checked for the default memory of ${DEFAULT_MEMORY}: ${messageOf(fault)}\n`,
    )
    return []
  }
}
