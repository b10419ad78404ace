import type { Condition } from '../kube/object.ts'

/** How a part of an event is: a word for programs, and for people what is wrong and how to mend it. */
export interface State {
  /** Unknown where it can't be told yet, or mends by itself. */
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

/** Somebody else's reason, if it is one word, as ours have to be. */
export function reasonOr(fallback: string, reason: string | undefined): string {
  return reason !== undefined && REASON.test(reason) ? reason : fallback
}

/** Somebody else's message within a sentence of ours: no dot at its end, and not endless. */
export function quoted(message: string | undefined, fallback = 'it does not say why'): string {
  const text = (message ?? '').trim().replace(/\.+$/, '')
  if (text === '') return fallback
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text
}

/** It is as it should be. */
export function well(message: string): State {
  return { status: 'True', reason: 'Ready', message }
}

/** Somebody has to mend it. */
export function wrong(reason: string, message: string): State {
  return { status: 'False', reason, message }
}

/** It can't be told yet, or mends by itself. */
export function unknown(reason: string, message: string): State {
  return { status: 'Unknown', reason, message }
}
