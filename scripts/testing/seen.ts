import type { Outcome } from '../../functions/guests/abi.ts'

/** Where an example ended, as the file with what is expected says it: a value of JSON. */
export type Seen = unknown

/**
 * An outcome as a value: the result's data; else an object with `$none`, `$reject`, `$retry` or, where the module emitted
 * or the data has such a member itself, `$result`. Pure.
 */
export function seenOf(outcome: Outcome): Seen {
  if (outcome.kind === 'ok') return seenOk(outcome)
  const { kind, reason, code } = outcome
  const asked = code === 'REJECTED' || code === 'RETRY_REQUESTED'
  const after =
    kind === 'retry' && outcome.afterMs !== undefined ? { afterSeconds: outcome.afterMs / 1_000 } : {}
  return { [`$${kind}`]: reason, ...after, ...(asked ? {} : { code }) }
}

/** That a schema refused data: of the event itself, or of one that the data was to go on to. Pure. */
export function seenInvalid(
  event: string,
  faults: readonly { readonly pointer: string; readonly detail: string }[],
): Seen {
  return { $invalid: event, errors: faults.map(({ pointer, detail }) => `${pointer || '/'} ${detail}`) }
}

function seenOk({ data, emitted = [] }: Extract<Outcome, { kind: 'ok' }>): Seen {
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
