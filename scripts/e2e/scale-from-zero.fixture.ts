import type { Test } from 'tap'

import type { EventRef } from '../../functions/queues/names.ts'
import type { Verdict } from '../../functions/outcomes/verdict.ts'
import { timed, type Case } from './case.fixture.ts'
import { send, type Outgoing } from './http.fixture.ts'
import type { Nats } from './nats.fixture.ts'

/** An event without pods, and the request that scales it up. */
export interface ScaledToZero {
  readonly c: Case
  readonly nats: Nats
  readonly ref: EventRef
  readonly request: Outgoing
  /** Reads the keys of the request's events from the body of its answer. */
  readonly keysOf: (answer: string) => readonly string[]
}

/** Waits until an event has no pods, sends the request, and times listener and runner. Returns the verdicts. */
export async function scaleFromZero(
  t: Test,
  { c, nats, ref, request, keysOf }: ScaledToZero,
): Promise<readonly Verdict[]> {
  const url = await c.url(ref.job, ref.event)
  await Promise.all([c.atZero('listener', ref.event), c.atZero('runner', ref.event)])
  const answer = await timed('wake-up of the listener from zero, to its answer', () => send(url, request))
  t.match(answer, { status: 202 }, 'from zero the listener accepts')
  const keys = keysOf(answer.text)
  return await timed('wake-up of the runner from zero, from 202 to the verdict', () =>
    nats.ended(ref, keys, { everyMs: 20 }),
  )
}

/** The keys in the body of a 202. */
export function acceptedKeys(text: string): string[] {
  const { accepted } = JSON.parse(text) as { readonly accepted: readonly { readonly key: string }[] }
  return accepted.map(({ key }) => key)
}
