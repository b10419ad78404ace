import { Option, type Command } from 'commander'

import type { BackupCommandOptions } from '../backup/backup.ts'
import type { RestoreCommandOptions } from '../backup/restore.ts'
import { inCluster, inNamespace, WHERE, wholeNumber, withExample } from './options.ts'

const MAX_REPLICAS = 5

/** The commands that move Jobs' events from one NATS to another: backup and restore. */
export function addBackupCommands(program: Command): void {
  const backup = inNamespace(program.command('backup'))
    .summary('write all events of Jobs, and the modules, to a file')
    .description(
      `Writes everything that NATS holds of Jobs to one file: events that wait, retries, outcomes and dead letters, and the modules of their namespaces. The Jobs may be running: every event that was accepted before the command began is in the file; one that moved on meanwhile may be there in an earlier state, and runs again after a restore. ${WHERE}`,
    )
    .argument('[job...]', 'the names of Jobs (default: all of the namespace)')
    .requiredOption('-o, --output <file>', 'the file to write; - for standard output')
    .addOption(allNamespaces('the Jobs of all namespaces of a cluster'))
    .addOption(new Option('--json', 'print the report as JSON'))
  withExample(backup, 'jobico backup -n shop -o shop.backup').action(
    async (jobs: string[], options: BackupCommandOptions) => {
      const { backupCommand } = await import('../backup/backup.ts')
      await backupCommand(jobs, options)
    },
  )

  const restore = inCluster(program.command('restore'))
    .summary('bring the events and modules of a backup into NATS')
    .description(
      `Checks a file that jobico backup wrote, and stores what is in it. It stores an event only if nothing newer is known of it, so you can stop the command at any time and run it again. Jobs of a cluster have to be there before. ${WHERE}`,
    )
    .argument('<file>', 'the file')
    .addOption(allNamespaces('restore the Jobs of all namespaces of the file'))
    .option(
      '--replicas <number>',
      'how many copies NATS keeps of streams that are missing (default: as many as they had)',
      wholeNumber(1, MAX_REPLICAS),
    )
    .option('--dry-run', 'check the file, print what it would store, and store nothing')
  withExample(restore, 'jobico restore shop.backup -n shop').action(
    async (file: string, options: RestoreCommandOptions) => {
      const { restoreCommand } = await import('../backup/restore.ts')
      await restoreCommand(file, options)
    },
  )
}

function allNamespaces(description: string): Option {
  return new Option('-A, --all-namespaces', description).conflicts('namespace')
}
