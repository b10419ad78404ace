import { eventOfMessage } from '../cloudevents/nats-binding.ts'
import { handOverMessage, handOversOf } from '../outcomes/hand-over.ts'
import { expectNewest } from '../jetstream/publish.ts'
import { eventKey, eventSubjects } from '../queues/names.ts'
import { isKnown, store, type Moving } from './context.ts'
import type { OldContent } from './new-records.ts'
import { splitVerdict } from './old-layout.ts'

/**
 * Hands over what a done verdict of 0.1.0 has for other events, where they do not have it: 0.1.0 handed it over after it had
 * stored the verdict, and its process may have died in between. `hops` hand-overs had led to the event. Gives false if it is
 * not known whether the result has to go to another event, because the Job is gone.
 */
export async function handOverAgain(moving: Moving, verdict: OldContent, hops: number): Promise<boolean> {
  const { ref, key } = verdict
  const { data, emitted } = splitVerdict(verdict.headers, verdict.data)
  const result = eventOfMessage(verdict.headers, data)
  if (moving.outputs === undefined && result.data !== undefined) return false
  const handOvers = handOversOf(ref, moving.outputs?.get(ref.event), result, emitted)
  for (const each of handOvers) {
    const { source, id } = each.event.attributes
    const effect = eventKey(source, id)
    if (await isKnown(moving, each.ref, effect)) continue
    const message = handOverMessage(each, { hops: hops + 1, root: key })
    if (message.headers !== undefined)
      expectNewest(message.headers, eventSubjects(each.ref).records(effect), 0)
    await store(moving, message)
  }
  return true
}
