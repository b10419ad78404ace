import { readFileSync } from 'node:fs'

import { Command } from 'commander'

import { packageFile } from '../../dev/processes/entry-points.ts'
import { addBackupCommands } from './backup.ts'
import { addClusterCommands } from './cluster.ts'
import { addDeadCommands } from './dead.ts'
import { addEventCommands } from './events.ts'
import { withExample } from './options.ts'
import { addProjectCommands } from './project.ts'

/**
 * The command line with all its commands; nothing runs until it is parsed. A command imports what it needs when it is
 * called, so that help comes at once.
 */
export function createProgram(): Command {
  const program = new Command('jobico')
    .description('Run WebAssembly functions on CloudEvents, and lose none of them.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
  withExample(program, 'jobico init hello && cd hello && jobico dev')
  addProjectCommands(program)
  addEventCommands(program)
  addDeadCommands(program)
  addClusterCommands(program)
  addBackupCommands(program)
  return program
}

function version(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version
}
