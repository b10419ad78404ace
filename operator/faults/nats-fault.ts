import { JobicoError, messageOf, type ErrorCode } from '../../functions/process/errors.ts'
import { KubeError } from '../../knative/kube/client.ts'
import { wrong, type Fault } from './fault.ts'

const REASONS: Partial<Readonly<Record<ErrorCode, string>>> = {
  NATS_TOO_OLD: 'NatsTooOld',
  QUEUE_UNAVAILABLE: 'NatsUnreachable',
  STREAM_REFUSED: 'QueueRefused',
}

/** The fault of a call to NATS that threw: NATS refused it or can't be reached. A KubeError is thrown again. */
export function natsFault(thrown: unknown): Fault {
  if (thrown instanceof KubeError) throw thrown
  return wrong(thrown instanceof JobicoError ? reasonOf(thrown) : 'QueueFailed', messageOf(thrown))
}

function reasonOf({ code, members }: JobicoError): string {
  // Only a refusal because storage is full carries the figure `wanted`.
  if (code === 'STREAM_REFUSED' && 'wanted' in members) return 'StorageExhausted'
  return REASONS[code] ?? 'QueueFailed'
}

/** Calls NATS; gives the answer, or the fault that natsFault makes of what was thrown. */
export async function answerOrFault<T>(
  ask: () => Promise<T>,
): Promise<{ readonly answer: T } | { readonly fault: Fault }> {
  try {
    return { answer: await ask() }
  } catch (thrown) {
    return { fault: natsFault(thrown) }
  }
}
