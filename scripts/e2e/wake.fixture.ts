import type { Test } from 'tap'

import type { EventRef } from '../../functions/queues/names.ts'
import type { Verdict } from '../../functions/outcomes/verdict.ts'
import { timed, type Case } from './case.fixture.ts'
import { send, type Outgoing } from './http.fixture.ts'
import type { Nats } from './nats.fixture.ts'

/** Which event is to be woken, and with what. */
export interface Sleeping {
  readonly c: Case
  readonly nats: Nats
  readonly ref: EventRef
  /** The request, and the keys of the events in it, from its answer. */
  readonly request: Outgoing
  readonly keysOf: (answer: string) => readonly string[]
}

/** Waits until an event has no pods, sends to it, and measures how long its listener and its runner took; gives the verdicts. */
export async function wakeFromZero(
  t: Test,
  { c, nats, ref, request, keysOf }: Sleeping,
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
