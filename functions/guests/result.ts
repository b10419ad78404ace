import { findJsonFault } from '../cloudevents/json-check.ts'
import { REASON_CHARS, cut, type Outcome } from './abi.ts'

/** The maximum length of a result, in UTF-16 units, or in bytes if it is UTF-8. NATS limits what is stored further. */
export const RESULT_CHARS = 8 * 1024 * 1024

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The outcome of an execution whose result is a JSON text; RESULT_INVALID if a listener would refuse it in a request. */
export function jsonOutcome(text: string): Outcome {
  const fault = jsonFault('the result', text)
  return fault === undefined ? { kind: 'ok', data: text } : broken(fault)
}

/** Says why a listener would refuse a text as not well-formed JSON; undefined if it would not. `what` names the text. */
export function jsonFault(what: string, text: string): string | undefined {
  const fault = findJsonFault(text)
  if (fault === undefined) return undefined
  return fault.isJson ? `${what} would be refused: ${fault.message}` : `${what} is ${fault.message}`
}

/** Whether a text is JSON, if only by its grammar. */
export function isJson(text: string): boolean {
  return findJsonFault(text)?.isJson ?? true
}

/** Decodes a result; undefined if it is not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The outcome of an execution whose result can't be read. */
export function broken(problem: string): Outcome {
  return { kind: 'retry', code: 'RESULT_INVALID', reason: cut(problem, REASON_CHARS) }
}

/** The outcome of an execution whose result has more than RESULT_CHARS of the unit. */
export function tooLarge(size: string, unit: 'bytes' | 'characters'): Outcome {
  const reason = `the result has ${size} ${unit}, the limit is ${RESULT_CHARS}: give back less`
  return { kind: 'reject', code: 'RESULT_TOO_LARGE', reason }
}
