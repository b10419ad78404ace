import { Option, type Command } from 'commander'

import type { BuildOptions } from '../project/build.ts'
import type { DevCommandOptions } from '../project/dev.ts'
import type { InitOptions } from '../project/init.ts'
import { TEMPLATES } from '../project/templates/project-files.ts'
import type { TestOptions } from '../project/test.ts'
import { jsonOption, outputOption, wholeNumber, withExample } from './options.ts'

const MAX_PORT = 65_535

/** The commands for a project on this machine: init, dev, build and test. */
export function addProjectCommands(program: Command): void {
  addInit(program)
  addDev(program)
  addBuild(program)
  addTest(program)
}

function addInit(program: Command): void {
  withExample(program.command('init'), 'jobico init hello --template json')
    .summary('create the folder of a new Job')
    .description(
      'Creates a folder with a Job file, an AssemblyScript module, an event to try it with, and tests. A folder that is there already, such as a clone, keeps all its files.',
    )
    .argument('<folder>', 'the folder, whose name is that of the Job, too; . is the current one')
    .option('--name <name>', 'the name of the Job, if it is not that of the folder')
    .addOption(
      new Option(
        '-t, --template <name>',
        'what to begin with: minimal has no classes, json has classes, chain has two events',
      )
        .choices(TEMPLATES)
        .default(TEMPLATES[0]),
    )
    .action(async (folder: string, options: InitOptions) => {
      const { init } = await import('../project/init.ts')
      await init(folder, options)
    })
}

function addDev(program: Command): void {
  withExample(program.command('dev'), 'jobico dev wasm-examples/echo/job.yaml --port 9000')
    .summary('run Jobs on this machine, and reload them when a file is saved')
    .description(
      'Runs the Jobs of YAML files on this machine, and reloads them when a file is saved: a nats-server, a listener and a runner for each event, and one port for all of them.',
    )
    .argument(
      '[file...]',
      'files with Job, ConfigMap and Secret documents (default: the job.yaml of this folder or of one above it)',
    )
    .option(
      '-p, --port <number>',
      'the port that serves all events; 0 takes a free one',
      wholeNumber(0, MAX_PORT),
      8080,
    )
    .option(
      '--host <address>',
      'the address to listen on; one that is not of this machine alone lets others send events',
      '127.0.0.1',
    )
    .option('-v, --verbose', 'print more of what the processes log')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (files: string[], options: DevCommandOptions) => {
      const { dev } = await import('../project/dev.ts')
      await dev(files, options)
    })
}

function addBuild(program: Command): void {
  withExample(program.command('build'), 'jobico build')
    .summary('compile the modules of Jobs')
    .description(
      'Compiles the AssemblyScript modules of Jobs into build/, checks all modules of the Jobs as jobico push does, and prints their files, sizes and digests.',
    )
    .argument(
      '[file...]',
      'files with Job, ConfigMap and Secret documents (default: the job.yaml of this folder or of one above it)',
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (files: string[], options: BuildOptions) => {
      const { build } = await import('../project/build.ts')
      await build(files, options)
    })
}

function addTest(program: Command): void {
  withExample(program.command('test'), 'jobico test')
    .summary('run the examples of Jobs, and compare their outcomes')
    .description(
      'Compiles the modules of Jobs, and runs the events in event.json and examples/<event>/*.json through schemas and modules. Compares each outcome with expected.json, or <name>.expected.json beside the event, and ends with 1 if one differs.',
    )
    .argument(
      '[file...]',
      'files with Job, ConfigMap and Secret documents (default: the job.yaml of this folder or of one above it)',
    )
    .option('--update', 'write the outcome to its expected file if it differs, or if there is no such file')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (files: string[], options: TestOptions) => {
      const { test } = await import('../project/test.ts')
      await test(files, options)
    })
}
