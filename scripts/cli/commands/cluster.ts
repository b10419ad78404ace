import type { Command } from 'commander'

import type { DeployOptions } from '../deploy/deploy.ts'
import type { PushOptions } from '../push/push.ts'
import type { StatusOptions } from '../status/status.ts'
import { inCluster, WHERE, wholeNumber, withExample } from './options.ts'

const MAX_TIMEOUT_S = 3_600

/** The commands that bring Jobs into a cluster and print their state: push, deploy and status. */
export function addClusterCommands(program: Command): void {
  withExample(inCluster(program.command('push')), 'jobico push build/echo.wasm')
    .summary('check modules, and push them into a cluster')
    .description(
      'Checks modules and puts them into the module store of a namespace, under the names of their files. A module that is there already is not sent again.',
    )
    .argument('<file...>', 'the files of modules, of at most 64 MiB each')
    .option('--check', 'only check the modules and print what they are; works without a cluster, too')
    .action(async (files: string[], options: PushOptions) => {
      const { push } = await import('../push/push.ts')
      await push(files, options)
    })

  withExample(inCluster(program.command('deploy')), 'jobico deploy job.yaml -n shop')
    .summary('bring Jobs into a cluster, and wait until they are Ready')
    .description(
      'Compiles, checks and pushes the modules of Jobs, applies the documents of the files, and waits until the Jobs are Ready.',
    )
    .argument(
      '[file...]',
      'files with Job, ConfigMap and Secret documents (default: the job.yaml of this folder or of one above it)',
    )
    .option(
      '-t, --timeout <seconds>',
      'how long to wait until the Jobs are Ready',
      wholeNumber(1, MAX_TIMEOUT_S),
      120,
    )
    .option('--force-conflicts', 'take over fields that others have applied')
    .action(async (files: string[], options: DeployOptions) => {
      const { deploy } = await import('../deploy/deploy.ts')
      await deploy(files, options)
    })

  withExample(inCluster(program.command('status')), 'jobico status job-for-ev1')
    .summary('print the state of Jobs')
    .description(
      `Prints the state of all Jobs with the conditions that do not hold, or everything about one Job. ${WHERE}`,
    )
    .argument('[job]', 'the name of a Job')
    .option('-A, --all-namespaces', 'the Jobs of all namespaces of a cluster')
    .action(async (job: string | undefined, options: StatusOptions) => {
      const { status } = await import('../status/status.ts')
      await status(job, options)
    })
}
