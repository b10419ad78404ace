import type { Condition } from '../kube/object.ts'

/** The state of a part of an event: a reason for programs, and a message that says what is wrong and how to fix it. */
export interface State {
  /** `False` when somebody has to fix it; `Unknown` when it is not known yet, or resolves by itself. */
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

const REASON = /^[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?$/
const MAX_TEXT = 1_000

/** The condition of a type, if there is one. */
export function conditionOf(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** The reason of a foreign condition if it has the form that Kubernetes requires of ours, else the fallback. */
export function reasonOr(fallback: string, reason: string | undefined): string {
  return reason !== undefined && REASON.test(reason) ? reason : fallback
}

/** The message of a foreign condition for use inside a sentence: without a dot at its end, and cut when it is long. */
export function quoted(message: string | undefined, fallback = 'it does not say why'): string {
  const text = (message ?? '').trim().replace(/\.+$/, '')
  if (text === '') return fallback
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text
}

/** A state without a fault. */
export function well(message: string): State {
  return { status: 'True', reason: 'Ready', message }
}

/** A state that somebody has to fix. */
export function wrong(reason: string, message: string): State {
  return { status: 'False', reason, message }
}

/** A state that is not known yet, or resolves by itself. */
export function unknown(reason: string, message: string): State {
  return { status: 'Unknown', reason, message }
}
