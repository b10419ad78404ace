import { messageOf } from '../../functions/shared/errors.ts'

/** What to do where the API server refuses, by its reason. */
const FIXES: Readonly<Record<string, string>> = {
  Forbidden: '; ask whoever runs the cluster for that right',
  Unauthorized: '; the cluster does not know you: log in to it again, and see whether kubectl works',
}

/** Writes an error for people on standard error; the faults of files get a line each. */
export function reportError(thrown: unknown): void {
  if (process.env['JOBICO_DEBUG'] && thrown instanceof Error)
    process.stderr.write(`${thrown.stack ?? thrown.name}\n`)
  const message = messageOf(thrown)
  const faults = thrown instanceof Error && thrown.name === 'JobFileError' ? message.split('\n') : [message]
  for (const fault of faults) process.stderr.write(`error: ${fault}${fixOf(thrown)}\n`)
}

function fixOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || thrown.name !== 'KubeError') return ''
  return FIXES[(thrown as { reason?: string }).reason ?? ''] ?? ''
}
