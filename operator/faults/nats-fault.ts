import { JobicoError, messageOf, type ErrorCode } from '../../functions/process/errors.ts'
import { KubeError } from '../../knative/kube/client.ts'
import { wrong, type Fault } from './fault.ts'

const REASONS: Partial<Readonly<Record<ErrorCode, string>>> = {
  NATS_TOO_OLD: 'NatsTooOld',
  QUEUE_UNAVAILABLE: 'NatsUnreachable',
  STREAM_REFUSED: 'QueueRefused',
}

/** What NATS refused, or that it can't be reached, as a fault. What is no fault of NATS but of the API server is thrown again. */
export function natsFault(thrown: unknown): Fault {
  if (thrown instanceof KubeError) throw thrown
  return wrong(thrown instanceof JobicoError ? reasonOf(thrown) : 'QueueFailed', messageOf(thrown))
}

function reasonOf({ code, members }: JobicoError): string {
  // Only a refusal for want of room comes with figures.
  if (code === 'STREAM_REFUSED' && 'wanted' in members) return 'StorageExhausted'
  return REASONS[code] ?? 'QueueFailed'
}

/** The answer, or the fault, of something that is asked of NATS. */
export async function answerOrFault<T>(
  ask: () => Promise<T>,
): Promise<{ readonly answer: T } | { readonly fault: Fault }> {
  try {
    return { answer: await ask() }
  } catch (thrown) {
    return { fault: natsFault(thrown) }
  }
}
