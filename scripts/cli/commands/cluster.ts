import type { Command } from 'commander'

import type { DeployOptions } from '../deploy/deploy.ts'
import type { PushOptions } from '../push/push.ts'
import type { StatusOptions } from '../status/status.ts'
import { example, inCluster, WHERE, wholeNumber } from './options.ts'

const MAX_TIMEOUT_S = 3_600

/** The commands that bring Jobs into a cluster and tell how they are. */
export function addClusterCommands(program: Command): void {
  inCluster(program.command('push'))
    .summary('bring modules into a cluster')
    .description(
      'Checks modules and puts them into the module store of a namespace, under the names of their files. What is there already is not sent again.',
    )
    .argument('<file...>', 'the modules')
    .option('--check', 'only check the modules, and print what they are; needs no cluster')
    .addHelpText('after', example('jobico push build/echo.wasm'))
    .action(async (files: string[], options: PushOptions) => {
      const { push } = await import('../push/push.ts')
      await push(files, options)
    })

  inCluster(program.command('deploy'))
    .summary('bring Jobs into a cluster, and wait until they serve')
    .description(
      'Compiles, checks and pushes the modules of Jobs, applies the documents of the files, and waits until the Jobs are Ready.',
    )
    .argument('[file...]', 'files with Job, ConfigMap and Secret documents (default: job.yaml)')
    .option(
      '-t, --timeout <seconds>',
      'how long to wait until the Jobs are Ready',
      wholeNumber(1, MAX_TIMEOUT_S),
      120,
    )
    .option('--force-conflicts', 'take over fields of the documents that others have applied')
    .addHelpText('after', example('jobico deploy job.yaml -n shop'))
    .action(async (files: string[], options: DeployOptions) => {
      const { deploy } = await import('../deploy/deploy.ts')
      await deploy(files, options)
    })

  inCluster(program.command('status'))
    .summary('print how Jobs are')
    .description(`Prints how the Jobs are, or all about one. ${WHERE}`)
    .argument('[job]', 'the name of a Job')
    .option('-A, --all-namespaces', 'the Jobs of all namespaces of the cluster')
    .addHelpText('after', example('jobico status job-for-ev1'))
    .action(async (job: string | undefined, options: StatusOptions) => {
      const { status } = await import('../status/status.ts')
      await status(job, options)
    })
}
