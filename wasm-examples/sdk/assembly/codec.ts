import { Json } from './json'
import { JsonPlace, readValue } from './json-reader'
import { JobicoJsonWriter } from './json-writer'

/**
 * Reads a JSON text as a T: a class with `@json`, a boolean, number, string, Json, or an array of those. Rejects the event
 * when the text is not JSON or does not fit T; the reason names the place, such as `/items/0/sku is missing`.
 */
export function decode<T>(text: string): T {
  return readValue<T>(Json.parse(text), new JsonPlace(null, '', -1))
}

/** The JSON text of a value; it takes the types of `decode`. Members that are null are left out; null items are kept. */
export function encode<T>(value: T): string {
  const writer = new JobicoJsonWriter()
  writer.value<T>(value)
  return writer.toString()
}
