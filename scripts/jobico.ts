import { readFileSync } from 'node:fs'

import { Command, InvalidArgumentError, Option } from 'commander'

import type { DevCommandOptions } from './cli/dev.ts'
import type { GetOptions } from './cli/get.ts'
import type { InitOptions } from './cli/init.ts'
import { TEMPLATES } from './cli/project-files.ts'
import { reportError } from './cli/report-error.ts'
import type { SendOptions } from './cli/send.ts'
import { packageFile } from './dev/entries.ts'

// Every verb is imported when it is called for, so that help comes at once.

const MAX_PORT = 65_535
const MAX_WAIT_S = 60

const program = new Command('jobico')
  .description('Run WebAssembly functions on CloudEvents, and lose none of them.')
  .version(version(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .addHelpText('after', example('jobico init hello && cd hello && jobico dev'))

program
  .command('dev')
  .summary('run Jobs on this machine, and reload what is saved')
  .description(
    'Runs the Jobs of YAML files on this machine: nats-server, a listener and a runner of each event, and one port in front.',
  )
  .argument('[file...]', 'files with Job, ConfigMap and Secret documents (default: job.yaml)')
  .option(
    '-p, --port <number>',
    'the port that serves all events; 0 takes a free one',
    wholeNumber(0, MAX_PORT),
    8080,
  )
  .option('--host <address>', 'the address to listen on', '127.0.0.1')
  .option('-v, --verbose', 'show more of what the processes do')
  .addOption(outputOption())
  .addOption(jsonOption())
  .addHelpText('after', example('jobico dev wasm-examples/echo/job.yaml --port 9000'))
  .action(async (files: string[], options: DevCommandOptions) => {
    const { dev } = await import('./cli/dev.ts')
    await dev(files, options)
  })

targeted(program.command('send'))
  .summary('send one CloudEvent, and print its key or its result')
  .description('Sends one CloudEvent to an event of the jobico dev that runs in this folder or above it.')
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
  .addHelpText('after', example(`jobico send ev1 --data '{"firstName":"Ada","lastName":"Lovelace"}' --wait`))
  .action(async (event: string, options: SendOptions) => {
    const { send } = await import('./cli/send.ts')
    await send(event, options)
  })

targeted(program.command('get'))
  .summary('print what became of an event')
  .description('Prints whether an event is pending, done or dead, with its result or its error.')
  .argument('<key>', 'the key that send printed')
  .option('-e, --event <name>', 'look at this event only')
  .addHelpText('after', example('jobico get udqs6mxb3fjplzq2cwi54eyh7a'))
  .action(async (key: string, options: GetOptions) => {
    const { get } = await import('./cli/get.ts')
    await get(key, options)
  })

program
  .command('init')
  .summary('make the folder of a new Job')
  .description('Makes a folder with a Job file, an AssemblyScript module and an event to try it with.')
  .argument('<name>', 'the name of the Job, and of the folder')
  .addOption(
    new Option('-t, --template <name>', 'what to begin with').choices(TEMPLATES).default(TEMPLATES[0]),
  )
  .addHelpText('after', example('jobico init hello'))
  .action(async (name: string, options: InitOptions) => {
    const { init } = await import('./cli/init.ts')
    await init(name, options)
  })

function targeted(command: Command): Command {
  return command
    .option('-u, --url <address>', 'the address of the listener, instead of the jobico dev of this folder')
    .option(
      '--token <token>',
      'the bearer token, where the event needs one (default: the variable JOBICO_TOKEN)',
    )
    .addOption(outputOption())
    .addOption(jsonOption())
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print data').choices(['text', 'json']).default('text')
}

function jsonOption(): Option {
  return new Option('--json', 'the same as -o json').implies({ output: 'json' })
}

function example(line: string): string {
  return `\nExample:\n  ${line}`
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

function version(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version
}

/** Ends with whoever started this process over an IPC channel, such as the program that chose this Node. */
function followParent(): void {
  if (process.channel === undefined) return
  process.once('disconnect', () => {
    if (process.listenerCount('disconnect') === 0) process.exit(1)
  })
  process.channel.unref()
}

followParent()
try {
  await program.parseAsync()
} catch (thrown) {
  reportError(thrown)
  process.exitCode = 1
}
