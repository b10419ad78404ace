import { messageOf } from '../../../functions/process/errors.ts'
import { tell } from './output.ts'

/** What to do when the API server refuses a request, by the reason of its Status. */
const FIXES: Readonly<Record<string, string>> = {
  Forbidden: '; ask whoever runs the cluster for that right',
  Unauthorized: '; the cluster does not know you: log in to it again, and see whether kubectl works',
}

/** Writes an error on standard error; each fault of a JobFileError or an AggregateError gets its own line. */
export function reportError(thrown: unknown): void {
  if (process.env['JOBICO_DEBUG'] && thrown instanceof Error) tell(thrown.stack ?? thrown.name)
  for (const fault of faultsIn(thrown)) tell(`error: ${fault}${fixOf(thrown)}`)
}

function faultsIn(thrown: unknown): readonly string[] {
  if (thrown instanceof AggregateError) return thrown.errors.map(messageOf)
  const message = messageOf(thrown)
  return thrown instanceof Error && thrown.name === 'JobFileError' ? message.split('\n') : [message]
}

function fixOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || thrown.name !== 'KubeError') return ''
  return FIXES[(thrown as { reason?: string }).reason ?? ''] ?? ''
}
