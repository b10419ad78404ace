import { decode } from './codec'
import { reject } from './host'
import { Json, JsonKind } from './json'
import { JsonParser } from './json-parser'

/** One CloudEvent: its attributes, and its data. */
export class CloudEvent {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject: string | null
  /** When it happened, in RFC 3339. */
  readonly time: string | null
  readonly datacontenttype: string | null
  /** The data as the JSON text that was sent; "null" when there is none. */
  readonly dataText: string

  private attributes: Json
  private value: Json | null = null

  constructor(attributes: Json, dataText: string) {
    this.attributes = attributes
    this.dataText = dataText
    this.id = attributes.string('id')
    this.source = attributes.string('source')
    this.type = attributes.string('type')
    this.subject = this.extension('subject')
    this.time = this.extension('time')
    this.datacontenttype = this.extension('datacontenttype')
  }

  /** The data. It is parsed at the first call; rejects the event when it is not JSON. */
  get data(): Json {
    let value = this.value
    if (value === null) {
      value = Json.parse(this.dataText)
      this.value = value
    }
    return value
  }

  /** The data as a T, such as a class with `@json`. Rejects the event when the data does not fit T; see `decode`. */
  decode<T>(): T {
    return decode<T>(this.dataText)
  }

  /** An extension attribute as text, or null when the event has none of this name (lower-case letters and digits). */
  extension(name: string): string | null {
    const value = this.attributes.get(name)
    if (value.isNull) return null
    return value.kind == JsonKind.String ? value.asString() : value.toString()
  }
}

/** The event in the text that `handle` takes. Rejects the event when the text is not a structured CloudEvent. */
export function parseEvent(text: string): CloudEvent {
  const parser = new JsonParser(text, 'data')
  const attributes = parser.parse()
  if (attributes === null) return reject<CloudEvent>(`Not a structured CloudEvent: ${parser.error!}`)
  const raw = parser.raw
  return new CloudEvent(attributes, raw === null ? 'null' : raw)
}
