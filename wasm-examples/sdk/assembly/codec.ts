import { Json } from './json'
import { JsonPlace, readValue } from './json-reader'
import { JobicoJsonWriter } from './json-writer'

/**
 * The value of a JSON text: a class with `@json`, a boolean, number, string, Json, or an array of those. Rejects the event
 * where the text is not JSON or does not fit, with a reason that names the place, such as `/items/0/sku is missing`.
 */
export function decode<T>(text: string): T {
  return readValue<T>(Json.parse(text), new JsonPlace(null, '', -1))
}

/** The JSON text of a value, of the types that `decode` takes. Members that are null are left out, null items stay. */
export function encode<T>(value: T): string {
  const writer = new JobicoJsonWriter()
  writer.value<T>(value)
  return writer.toString()
}
