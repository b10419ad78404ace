import { createProgram } from './cli/commands/program.ts'
import { reportError } from './cli/terminal/report-error.ts'

/** Ends this process when the one that started it over an IPC channel ends, such as the program that chose this Node. */
function followParent(): void {
  if (process.channel === undefined) return
  process.once('disconnect', () => {
    if (process.listenerCount('disconnect') === 0) process.exit(1)
  })
  process.channel.unref()
}

/** Ends without a message when the reader of the output ends, as in `jobico tail | head -1`. */
function endWithReader(): void {
  process.stdout.on('error', (fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'EPIPE') throw fault
    process.exit(1)
  })
}

followParent()
endWithReader()
try {
  await createProgram().parseAsync()
} catch (thrown) {
  reportError(thrown)
  process.exitCode = 1
}
