import type { Colors } from 'picocolors/types.js'

import { isJsonMediaType, type CloudEvent } from '../../../functions/cloudevents/cloudevent.ts'
import { decodeUtf8 } from '../../../functions/cloudevents/json.ts'
import type { JobRef } from '../../../functions/queues/names.ts'
import type { Outcome } from '../../../functions/outcomes/follow-outcomes.ts'
import { stateJson, type KnownState } from '../../../functions/outcomes/event-state.ts'
import { clock, printable } from '../../dev/output/printable.ts'
import { compactJson } from '../terminal/output.ts'

const EVENT_WIDTH = 10

/** An outcome as one line for people: time, event, and the data of the result or the reason why it is dead. Pure. */
export function textOutcome({ event, key, verdict }: Outcome, { dim, green, red }: Colors): string {
  const start = `${dim(clock(verdict.time))} ${event.padEnd(EVENT_WIDTH)}`
  const tries = verdict.attempts > 1 ? ` after ${verdict.attempts} attempts` : ''
  if (verdict.kind === 'done')
    return `${start} ${green('done')}  ${key}${tries}${resultWords(verdict.result)}`
  const why = verdict.reason === '' ? '' : `: ${printable(verdict.reason)}`
  return `${start} ${red('dead')}  ${key} ${verdict.code}${why}${tries}`
}

function resultWords({ attributes, data }: CloudEvent): string {
  if (data === undefined) return ''
  const mediaType = attributes['datacontenttype'] ?? 'application/json'
  if (!isJsonMediaType(mediaType)) return ` ${data.length} bytes of ${printable(mediaType)}`
  return ` ${printable(compactJson(decodeUtf8(data)))}`
}

/** An outcome as one line of JSON: what `jobico get` prints, with Job, time and module. Pure. */
export function jsonOutcome({ namespace, job }: JobRef, { event, key, verdict }: Outcome): string {
  const { time, attempts, module } = verdict
  const state: KnownState = verdict.kind === 'done' ? { state: 'done', verdict } : { state: 'dead', verdict }
  return compactJson(stateJson({ key, event, namespace, job, time, attempts, module }, state))
}
