import { readFileSync } from 'node:fs'

import { Command } from 'commander'

import { addClusterCommands } from './cli/commands/cluster.ts'
import { addDeadCommands } from './cli/commands/dead.ts'
import { addEventCommands } from './cli/commands/events.ts'
import { example } from './cli/commands/options.ts'
import { addProjectCommands } from './cli/commands/project.ts'
import { reportError } from './cli/terminal/report-error.ts'
import { packageFile } from './dev/processes/entries.ts'

// Every verb is imported when it is called for, so that help comes at once.

const program = new Command('jobico')
  .description('Run WebAssembly functions on CloudEvents, and lose none of them.')
  .version(version(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .addHelpText('after', example('jobico init hello && cd hello && jobico dev'))

addProjectCommands(program)
addEventCommands(program)
addDeadCommands(program)
addClusterCommands(program)

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

/** Ends quietly when nobody reads on, as in `jobico tail | head -1`. */
function endWithReader(): void {
  process.stdout.on('error', (fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'EPIPE') throw fault
    process.exit(1)
  })
}

followParent()
endWithReader()
try {
  await program.parseAsync()
} catch (thrown) {
  reportError(thrown)
  process.exitCode = 1
}
