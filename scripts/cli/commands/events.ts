import type { Command } from 'commander'

import type { GetOptions } from '../events/get.ts'
import type { SendOptions } from '../events/send.ts'
import type { TailOptions } from '../events/tail.ts'
import { example, inCluster, targeted, WHERE, wholeNumber } from './options.ts'

const MAX_WAIT_S = 60

/** The commands that send events and tell what became of them. */
export function addEventCommands(program: Command): void {
  addSend(program)
  addGet(program)
  addTail(program)
}

function addSend(program: Command): void {
  targeted(program.command('send'))
    .summary('send one CloudEvent, and print its key or its result')
    .description(`Sends one CloudEvent to an event. ${WHERE}`)
    .argument('<event>', 'the name of the event')
    .option('-d, --data <json>', 'the data; - reads standard input')
    .option(
      '-f, --file <file>',
      'a file with the data, or with a whole CloudEvent in JSON; - reads standard input',
    )
    .option('--id <id>', 'the id of the CloudEvent (default: a new one)')
    .option('--source <uri>', 'the source of the CloudEvent')
    .option('--type <type>', 'the type of the CloudEvent')
    .option(
      '-w, --wait [seconds]',
      'wait for the outcome, 30 seconds by default, and print the result',
      wholeNumber(1, MAX_WAIT_S),
    )
    .addHelpText(
      'after',
      example(`jobico send ev1 --data '{"firstName":"Ada","lastName":"Lovelace"}' --wait`),
    )
    .action(async (event: string, options: SendOptions) => {
      const { send } = await import('../events/send.ts')
      await send(event, options)
    })
}

function addGet(program: Command): void {
  targeted(program.command('get'))
    .summary('print what became of an event')
    .description(`Prints whether an event is pending, done or dead, with its result or its error. ${WHERE}`)
    .argument('<key>', 'the key that send printed')
    .option('-e, --event <name>', 'look at this event only')
    .option('-j, --job <name>', 'look at the events of this Job only')
    .addHelpText('after', example('jobico get udqs6mxb3fjplzq2cwi54eyh7a'))
    .action(async (key: string, options: GetOptions) => {
      const { get } = await import('../events/get.ts')
      await get(key, options)
    })
}

function addTail(program: Command): void {
  inCluster(program.command('tail'))
    .summary('print outcomes as they come')
    .description(`Prints how events end, as they do, until Ctrl-C. ${WHERE}`)
    .argument('[event]', 'the name of the event (default: all)')
    .option('-j, --job <name>', 'the events of this Job only')
    .addHelpText('after', example('jobico tail ev1'))
    .action(async (event: string | undefined, options: TailOptions) => {
      const { tail } = await import('../events/tail.ts')
      await tail(event, options)
    })
}
