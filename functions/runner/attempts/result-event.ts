import type { CloudEvent, KeyedEvent } from '../../cloudevents/cloudevent.ts'
import { resultSource, type EventRef } from '../../queues/names.ts'

const encoder = new TextEncoder()
/** Attributes that a result copies from its cause: subject, correlation and trace. */
const COPIED_ATTRIBUTES = ['subject', 'correlationid', 'traceparent', 'tracestate']

/** The CloudEvent of an execution's result; `data` is JSON text. Pure. */
export function resultEvent(
  ref: EventRef,
  cause: KeyedEvent,
  data: string | undefined,
  time: string,
): CloudEvent {
  const { attributes } = cause
  const copied = COPIED_ATTRIBUTES.flatMap((name) =>
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
      ...Object.fromEntries(copied),
    },
    data: data === undefined ? undefined : encoder.encode(data),
    trace: cause.trace,
  }
}
