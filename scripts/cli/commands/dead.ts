import type { Command } from 'commander'

import type { DeadListOptions } from '../dead/list.ts'
import type { DeadPurgeOptions } from '../dead/purge.ts'
import type { DeadRedriveOptions } from '../dead/redrive.ts'
import type { DeadShowOptions } from '../dead/show.ts'
import { inCluster, WHERE, wholeNumber, withExample } from './options.ts'

const MAX_LETTERS = 10_000
const MAX_RATE = 10_000

/** The commands for dead letters: dead list, show, redrive and purge. */
export function addDeadCommands(program: Command): void {
  const dead = program
    .command('dead')
    .summary('list, show, redrive or purge dead letters')
    .description(
      'Lists dead letters, shows one, sends them to their module again, or deletes them. A dead letter is an event that its module rejected, or that failed on every attempt.',
    )
    .helpCommand(false)
  withExample(dead, 'jobico dead list job-for-ev1')
  addList(dead)
  addShow(dead)
  addRedrive(dead)
  addPurge(dead)
}

function addList(dead: Command): void {
  withExample(
    filtered(inCluster(dead.command('list'))),
    'jobico dead list job-for-ev1 --event ev1 --since 2h',
  )
    .summary('print the dead letters of a Job')
    .description(`Prints the newest dead letters of a Job. ${WHERE}`)
    .option('-l, --limit <number>', 'how many to print at most', wholeNumber(1, MAX_LETTERS), 50)
    .action(async (job: string, keys: string[], options: DeadListOptions) => {
      const { deadList } = await import('../dead/list.ts')
      await deadList(job, keys, options)
    })
}

function addShow(dead: Command): void {
  withExample(inCluster(dead.command('show')), 'jobico dead show job-for-ev1 udqs6mxb3fjplzq2cwi54eyh7a')
    .summary('print everything about a dead letter')
    .description(
      `Prints a dead letter: the event, the error of each attempt, and the digest of the module. ${WHERE}`,
    )
    .argument('<job>', 'the name of the Job')
    .argument('<key>', 'the key that dead list printed')
    .option('-e, --event <name>', 'the one of this event, if the CloudEvent was sent to several')
    .option('--data', 'write only the data of the event, as it was sent')
    .action(async (job: string, key: string, options: DeadShowOptions) => {
      const { deadShow } = await import('../dead/show.ts')
      await deadShow(job, key, options)
    })
}

function addRedrive(dead: Command): void {
  withExample(
    filtered(inCluster(dead.command('redrive'))),
    'jobico dead redrive job-for-ev1 --code REJECTED --since 2h --rate 200',
  )
    .summary('send dead letters to their module again')
    .description(
      `Sends dead letters to their module again, the oldest first, with their id and trace. It deletes nothing: the next outcome replaces the dead letter. You can stop it at any time and run it again. It needs keys, a filter or --all. ${WHERE}`,
    )
    .option('--all', 'all dead letters of the Job')
    .option('-r, --rate <number>', 'how many per second at most', wholeNumber(1, MAX_RATE), 100)
    .option('--dry-run', 'print what it would send, and send nothing')
    .action(async (job: string, keys: string[], options: DeadRedriveOptions) => {
      const { deadRedrive } = await import('../dead/redrive.ts')
      await deadRedrive(job, keys, options)
    })
}

function addPurge(dead: Command): void {
  withExample(filtered(inCluster(dead.command('purge'))), 'jobico dead purge job-for-ev1 --before 7d')
    .summary('delete dead letters for good')
    .description(
      `Shows which dead letters it would delete, asks, and deletes them for good. Those that were redriven and have no new outcome yet stay. It needs keys, a filter or --all. ${WHERE}`,
    )
    .option('--all', 'all dead letters of the Job')
    .option('-y, --yes', 'do not ask')
    .action(async (job: string, keys: string[], options: DeadPurgeOptions) => {
      const { deadPurge } = await import('../dead/purge.ts')
      await deadPurge(job, keys, options)
    })
}

/** Gives a command the Job, and the filters that select its dead letters. */
function filtered(command: Command): Command {
  return command
    .argument('<job>', 'the name of the Job')
    .argument('[key...]', 'only those with these keys')
    .option('-e, --event <name>', 'only those of this event')
    .option('-c, --code <code>', 'only those with this error code; can be given several times', collect)
    .option(
      '--since <time>',
      'only those that died at this time or later: RFC 3339, or how long ago, such as 30m, 2h or 7d',
    )
    .option('--before <time>', 'only those that died before this time')
    .option('-k, --key <key>', 'the same as a key after the Job; can be given several times', collect)
}

function collect(value: string, others: readonly string[] = []): readonly string[] {
  return [...others, value]
}
