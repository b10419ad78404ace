import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import { resultSource, type EventRef } from '../../queues/names.ts'

const encoder = new TextEncoder()
/** Attributes that a result takes over from its cause: its subject, correlation and trace. */
const HANDED_ON = ['subject', 'correlationid', 'traceparent', 'tracestate']

/** The CloudEvent that an execution gave; `data` is JSON text. Pure. */
export function resultEvent(
  ref: EventRef,
  cause: KeyedEvent,
  data: string | undefined,
  time: string,
): CloudEvent {
  const { attributes } = cause
  const handedOn = HANDED_ON.flatMap((name) =>
    name in attributes ? [[name, attributes[name] ?? ''] as const] : [],
  )
  return {
    attributes: {
      specversion: '1.0',
      id: cause.key,
      source: resultSource(ref),
      type: `${attributes.type}.result`,
      time,
      causationid: attributes.id,
      causationsource: attributes.source,
      ...(data === undefined ? {} : { datacontenttype: 'application/json' }),
      ...Object.fromEntries(handedOn),
    },
    data: data === undefined ? undefined : encoder.encode(data),
    trace: cause.trace,
  }
}
