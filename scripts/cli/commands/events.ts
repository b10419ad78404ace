import type { Command } from 'commander'

import type { GetOptions } from '../events/get.ts'
import type { SendOptions } from '../events/send.ts'
import type { TailOptions } from '../events/tail.ts'
import { inCluster, targeted, WHERE, wholeNumber, withExample } from './options.ts'

const MAX_WAIT_S = 60

/** The commands that send events and print their outcomes: send, get and tail. */
export function addEventCommands(program: Command): void {
  addSend(program)
  addGet(program)
  addTail(program)
}

function addSend(program: Command): void {
  withExample(
    targeted(program.command('send')),
    `jobico send ev1 --data '{"firstName":"Ada","lastName":"Lovelace"}' --wait`,
  )
    .summary('send one CloudEvent, and print its key or its result')
    .description(
      `Sends one CloudEvent to an event of a Job, and prints its key. With --wait it prints the result, and ends with 1 if the event is dead or has no outcome in time. If an event of the same source and id was accepted before, it says so on standard error, and the outcome is that of the first. ${WHERE}`,
    )
    .argument('<event>', 'the name of the event')
    .option('-d, --data <json>', 'the data, JSON; - reads standard input')
    .option(
      '-f, --file <file>',
      'a file with the data or with a whole CloudEvent, JSON; - reads standard input',
    )
    .option('--id <id>', 'the id of the CloudEvent (default: a new one)')
    .option('--source <uri>', 'the source of the CloudEvent (default: /jobico/send)')
    .option('--type <type>', 'the type of the CloudEvent (default: dev.coeux.jobico.<event>)')
    .option(
      '-w, --wait [seconds]',
      'wait up to 60 seconds, 30 by default, and print the result',
      wholeNumber(1, MAX_WAIT_S),
    )
    .action(async (event: string, options: SendOptions) => {
      const { send } = await import('../events/send.ts')
      await send(event, options)
    })
}

function addGet(program: Command): void {
  withExample(targeted(program.command('get')), 'jobico get udqs6mxb3fjplzq2cwi54eyh7a')
    .summary('print the outcome of an event')
    .description(
      `Prints whether an event is pending, done or dead, with its attempts, its result or its error. Without --url it also prints which event of the Job it came out of, and which came out of it. ${WHERE}`,
    )
    .argument('[key]', 'the key that send printed, or the id of an emitted event, such as <key>-1')
    .option('--id <id>', 'in place of the key: the id that the event was sent with')
    .option('--source <uri>', 'the source that it was sent with (default: /jobico/send)')
    .option('-e, --event <name>', 'look at this event only; needed with --url')
    .option('-j, --job <name>', 'look at the events of this Job only')
    .action(async (key: string | undefined, options: GetOptions) => {
      const { get } = await import('../events/get.ts')
      await get(key, options)
    })
}

function addTail(program: Command): void {
  withExample(inCluster(program.command('tail')), 'jobico tail ev1')
    .summary('print outcomes as they come')
    .description(
      `Prints the outcomes of events as they come, until Ctrl-C; with -o json one object per line. ${WHERE}`,
    )
    .argument('[event]', 'the name of the event (default: all)')
    .option('-j, --job <name>', 'only the events of this Job')
    .action(async (event: string | undefined, options: TailOptions) => {
      const { tail } = await import('../events/tail.ts')
      await tail(event, options)
    })
}
