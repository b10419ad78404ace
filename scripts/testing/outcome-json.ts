import type { Outcome } from '../../functions/guests/abi.ts'

/** How an example ended, in the form of the files with expected outcomes: a JSON value. */
export type OutcomeJson = unknown

/**
 * An outcome as JSON: the result's data, or an object with `$none`, `$reject` or `$retry`. When the module emitted, or the
 * data itself has a member that begins with `$`, it is an object with `$result` (and `$emitted`). Pure.
 */
export function outcomeJson(outcome: Outcome): OutcomeJson {
  if (outcome.kind === 'ok') return okJson(outcome)
  const { kind, reason, code } = outcome
  const asked = code === 'REJECTED' || code === 'RETRY_REQUESTED'
  const after =
    kind === 'retry' && outcome.afterMs !== undefined ? { afterSeconds: outcome.afterMs / 1_000 } : {}
  return { [`$${kind}`]: reason, ...after, ...(asked ? {} : { code }) }
}

/** The JSON for data that the schema of `event` refused: its own data, or a result or emitted data for it. Pure. */
export function invalidJson(
  event: string,
  faults: readonly { readonly pointer: string; readonly detail: string }[],
): OutcomeJson {
  return { $invalid: event, errors: faults.map(({ pointer, detail }) => `${pointer || '/'} ${detail}`) }
}

function okJson({ data, emitted = [] }: Extract<Outcome, { kind: 'ok' }>): OutcomeJson {
  const result = data === undefined ? {} : { $result: JSON.parse(data) as unknown }
  if (emitted.length > 0)
    return {
      ...result,
      $emitted: emitted.map((each) => ({ event: each.event, data: JSON.parse(each.data) as unknown })),
    }
  if (data === undefined) return { $none: true }
  return isMarked(result.$result) ? result : result.$result
}

function isMarked(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && Object.keys(value).some((name) => name.startsWith('$'))
  )
}
