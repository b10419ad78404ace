import { messageOf } from '../../functions/shared/errors.ts'

/** Writes an error for people on standard error; the faults of files get a line each. */
export function reportError(thrown: unknown): void {
  if (process.env['JOBICO_DEBUG'] && thrown instanceof Error)
    process.stderr.write(`${thrown.stack ?? thrown.name}\n`)
  const message = messageOf(thrown)
  const faults = thrown instanceof Error && thrown.name === 'JobFileError' ? message.split('\n') : [message]
  for (const fault of faults) process.stderr.write(`error: ${fault}\n`)
}
