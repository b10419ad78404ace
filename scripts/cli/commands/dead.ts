import type { Command } from 'commander'

import type { DeadListOptions } from '../dead/list.ts'
import type { DeadPurgeOptions } from '../dead/purge.ts'
import type { DeadRedriveOptions } from '../dead/redrive.ts'
import type { DeadShowOptions } from '../dead/show.ts'
import { example, inCluster, WHERE, wholeNumber } from './options.ts'

const MAX_LETTERS = 10_000
const MAX_RATE = 10_000

/** The commands for dead letters. */
export function addDeadCommands(program: Command): void {
  const dead = program
    .command('dead')
    .summary('dead letters: events that ended without success')
    .description(
      'Shows dead letters, sends them again or deletes them: events that ended without success, and are kept.',
    )
    .helpCommand(false)
    .addHelpText('after', example('jobico dead list job-for-ev1'))
  addList(dead)
  addShow(dead)
  addRedrive(dead)
  addPurge(dead)
}

function addList(dead: Command): void {
  filtered(inCluster(dead.command('list')))
    .summary('print the dead letters of a Job')
    .description(`Prints the newest dead letters of a Job. ${WHERE}`)
    .option('-l, --limit <number>', 'how many at most', wholeNumber(1, MAX_LETTERS), 50)
    .addHelpText('after', example('jobico dead list job-for-ev1 --event ev1 --since 2h'))
    .action(async (job: string, keys: string[], options: DeadListOptions) => {
      const { deadList } = await import('../dead/list.ts')
      await deadList(job, keys, options)
    })
}

function addShow(dead: Command): void {
  inCluster(dead.command('show'))
    .summary('print all about a dead letter')
    .description(
      `Prints a dead letter: the event, the fault of each attempt, and the module that ran. ${WHERE}`,
    )
    .argument('<job>', 'the name of the Job')
    .argument('<key>', 'the key that dead list printed')
    .option('-e, --event <name>', 'the one of this event, where the CloudEvent was sent to several')
    .option('--data', 'write the data of the event only, as it is')
    .addHelpText('after', example('jobico dead show job-for-ev1 udqs6mxb3fjplzq2cwi54eyh7a'))
    .action(async (job: string, key: string, options: DeadShowOptions) => {
      const { deadShow } = await import('../dead/show.ts')
      await deadShow(job, key, options)
    })
}

function addRedrive(dead: Command): void {
  filtered(inCluster(dead.command('redrive')))
    .summary('send dead letters to their module again')
    .description(
      `Sends dead letters to their module again, the oldest first, with their id and trace. Nothing is deleted: the next outcome replaces the dead one. Safe to break off at any time, and to do again. ${WHERE}`,
    )
    .option('--all', 'all dead letters of the Job')
    .option('-r, --rate <number>', 'how many in a second at most', wholeNumber(1, MAX_RATE), 100)
    .option('--dry-run', 'print what would be sent, and send nothing')
    .addHelpText('after', example('jobico dead redrive job-for-ev1 --code REJECTED --since 2h --rate 200'))
    .action(async (job: string, keys: string[], options: DeadRedriveOptions) => {
      const { deadRedrive } = await import('../dead/redrive.ts')
      await deadRedrive(job, keys, options)
    })
}

function addPurge(dead: Command): void {
  filtered(inCluster(dead.command('purge')))
    .summary('delete dead letters for good')
    .description(
      `Shows which dead letters it would delete, asks, and deletes them for good. What was redriven and has not ended stays. ${WHERE}`,
    )
    .option('--all', 'all dead letters of the Job')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', example('jobico dead purge job-for-ev1 --before 7d'))
    .action(async (job: string, keys: string[], options: DeadPurgeOptions) => {
      const { deadPurge } = await import('../dead/purge.ts')
      await deadPurge(job, keys, options)
    })
}

/** Gives a command the Job, and what says which of its dead letters. */
function filtered(command: Command): Command {
  return command
    .argument('<job>', 'the name of the Job')
    .argument('[key...]', 'those of these keys only')
    .option('-e, --event <name>', 'those of this event only')
    .option('-c, --code <code>', 'those that died with this code only; can be given several times', collect)
    .option(
      '--since <time>',
      'those that died since then only: RFC 3339, or how long ago, such as 30m, 2h or 7d',
    )
    .option('--before <time>', 'those that died before then only')
    .option('-k, --key <key>', 'the same as a key after the Job; can be given several times', collect)
}

function collect(value: string, others: readonly string[] = []): readonly string[] {
  return [...others, value]
}
