import type { Job } from '../../../crds/job.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import { type Format, print, tell } from '../terminal/output.ts'
import { atCluster, type ClusterOptions } from '../target/target.ts'
import { checkFiles, DEFAULT_MEMORY, faultsOf, isGood } from './files.ts'
import { checkedForPrograms, checkedLines } from './view.ts'

/** The options of `jobico push --check`. */
export interface CheckOptions extends ClusterOptions {
  readonly output: Format
}

/**
 * Checks modules and prints their details, but stores nothing. If a cluster answers, each module is checked against the
 * memory that its Jobs give it. Throws an AggregateError with the faults of all modules.
 */
export async function check(files: readonly string[], { output, ...where }: CheckOptions): Promise<void> {
  const checked = await checkFiles(files, await knownJobs(where))
  if (output === 'json') print(JSON.stringify(checked.map(checkedForPrograms)), 'json')
  else
    checkedLines(checked.filter(isGood)).forEach((line) => {
      print(line)
    })
  const faults = faultsOf(checked)
  if (faults.length > 0) throw new AggregateError(faults)
}

/** The Jobs of the cluster. If it does not answer: none, or an Error when the options name a cluster. */
async function knownJobs(where: ClusterOptions): Promise<readonly Job[]> {
  try {
    return await atCluster(where, (cluster) => cluster.jobs())
  } catch (fault) {
    if (where.namespace !== undefined || where.context !== undefined) throw fault
    tell(
      `no Jobs are known, so each module is checked against the default memory of ${DEFAULT_MEMORY}: ${messageOf(fault)}`,
    )
    return []
  }
}
