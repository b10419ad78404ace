import { checkAttributes, type CloudEvent } from '../../functions/cloudevents/cloudevent.ts'

/** A CloudEvent; missing required attributes get example values. `data` is a JSON value. Throws EVENT_INVALID. */
export function cloudEvent(attributes: Readonly<Record<string, string>>, data: unknown): CloudEvent {
  const given = {
    ...{ specversion: '1.0', id: 'example', source: '/example', type: 'example' },
    ...(data === undefined ? {} : { datacontenttype: 'application/json' }),
    ...attributes,
  }
  return {
    attributes: checkAttributes(Object.entries(given)),
    data: data === undefined ? undefined : new TextEncoder().encode(JSON.stringify(data)),
    trace: {},
  }
}
