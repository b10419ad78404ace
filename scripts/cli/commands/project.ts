import { Option, type Command } from 'commander'

import type { BuildOptions } from '../project/build.ts'
import type { DevCommandOptions } from '../project/dev.ts'
import type { InitOptions } from '../project/init.ts'
import { TEMPLATES } from '../project/templates/project-files.ts'
import type { TestOptions } from '../project/test.ts'
import { example, jsonOption, outputOption, wholeNumber } from './options.ts'

const MAX_PORT = 65_535

/** The commands for a project on this machine: init, dev, build and test. */
export function addProjectCommands(program: Command): void {
  program
    .command('init')
    .summary('make the folder of a new Job')
    .description(
      'Makes a folder with a Job file, an AssemblyScript module, an event to try it with, and tests: minimal, json with classes, or chain of two events.',
    )
    .argument('<name>', 'the name of the Job, and of the folder')
    .addOption(
      new Option('-t, --template <name>', 'what to begin with').choices(TEMPLATES).default(TEMPLATES[0]),
    )
    .addHelpText('after', example('jobico init hello --template json'))
    .action(async (name: string, options: InitOptions) => {
      const { init } = await import('../project/init.ts')
      await init(name, options)
    })

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
      const { dev } = await import('../project/dev.ts')
      await dev(files, options)
    })

  program
    .command('build')
    .summary('compile the modules of Jobs')
    .description(
      'Compiles the AssemblyScript modules of Jobs into build/, and checks them as before they are pushed.',
    )
    .argument('[file...]', 'files with Job, ConfigMap and Secret documents (default: job.yaml)')
    .addOption(outputOption())
    .addOption(jsonOption())
    .addHelpText('after', example('jobico build'))
    .action(async (files: string[], options: BuildOptions) => {
      const { build } = await import('../project/build.ts')
      await build(files, options)
    })

  program
    .command('test')
    .summary('run the examples of Jobs, and compare what comes out')
    .description(
      'Compiles the modules of Jobs, and runs the events in event.json and examples/<event>/*.json through schemas and modules. What comes out is held against expected.json, or <name>.expected.json beside each. Ends with 1 where one differs.',
    )
    .argument('[file...]', 'files with Job, ConfigMap and Secret documents (default: job.yaml)')
    .option('--update', 'write what comes out where it differs from what is expected, or nothing is')
    .addOption(outputOption())
    .addOption(jsonOption())
    .addHelpText('after', example('jobico test'))
    .action(async (files: string[], options: TestOptions) => {
      const { test } = await import('../project/test.ts')
      await test(files, options)
    })
}
