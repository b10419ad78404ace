import { createProgram } from './cli/commands/program.ts'
import { endWithReader } from './cli/terminal/closed-output.ts'
import { leaveProjectsPrograms } from './cli/terminal/program-path.ts'
import { reportError } from './cli/terminal/report-error.ts'

/** Ends this process when the one that started it over an IPC channel ends, such as the program that chose this Node. */
function followParent(): void {
  if (process.channel === undefined) return
  process.once('disconnect', () => {
    if (process.listenerCount('disconnect') === 0) process.exit(1)
  })
  process.channel.unref()
}

followParent()
leaveProjectsPrograms()
endWithReader()
try {
  await createProgram().parseAsync()
} catch (thrown) {
  reportError(thrown)
  process.exitCode = 1
}
