import { encode } from './codec'

// @ts-ignore: decorator
@external('jobico', 'emit')
declare function hostEmit(event: string, data: string): void

/**
 * Sends data to another event of this Job when this execution has ended well. The data is a class with `@json`, a Json, or a
 * string of JSON text; it has to match the schema of that event.
 */
export function emit<T>(event: string, data: T): void {
  if (isString<T>()) hostEmit(event, changetype<string>(data))
  else hostEmit(event, encode<T>(data))
}
