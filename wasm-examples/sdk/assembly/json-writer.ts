import { reject } from './host'
import { Json, MAX_DEPTH } from './json'
import { floatText } from './json-number'
import { TextBuffer } from './text-buffer'

/** Writes values as JSON text; the code that `@json` adds to a class calls it. */
// @ts-ignore: decorator
@global
export class JobicoJsonWriter {
  private buffer: TextBuffer = new TextBuffer()
  private depth: i32 = 0
  private isFirst: bool = true

  /** Writes a member of the current object; leaves it out when it is null. */
  member<T>(name: string, value: T): void {
    if (isNullable<T>()) {
      if (changetype<usize>(value) == 0) return
    }
    if (!this.isFirst) this.buffer.push(0x2c)
    this.buffer.quote(name)
    this.buffer.push(0x3a)
    this.value<T>(value)
    this.isFirst = false
  }

  /** Writes a value. */
  value<T>(value: T): void {
    if (isBoolean<T>()) this.buffer.append(value ? 'true' : 'false')
    else if (isInteger<T>() && !isReference<T>()) this.buffer.append(`${value}`)
    else if (isFloat<T>()) this.buffer.append(isFinite(<f64>value) ? floatText(<f64>value) : 'null')
    else if (isNullable<T>()) {
      if (changetype<usize>(value) == 0) this.buffer.append('null')
      else this.value<NonNullable<T>>(changetype<NonNullable<T>>(value))
    } else if (isString<T>()) this.buffer.quote(changetype<string>(value))
    else if (isArray<T>()) this.items<T>(value)
    else if (idof<T>() == idof<Json>()) changetype<Json>(value).write(this.buffer, this.depth)
    else this.object<T>(value)
  }

  /** The JSON text written so far. */
  toString(): string {
    return this.buffer.toString()
  }

  private items<T>(values: T): void {
    this.open(0x5b)
    // @ts-ignore: T is an array here
    for (let i = 0, length = values.length; i < length; i++) {
      if (i > 0) this.buffer.push(0x2c)
      // @ts-ignore: T is an array here
      this.value<valueof<T>>(values[i])
    }
    this.close(0x5d)
  }

  private object<T>(value: T): void {
    // @ts-ignore: this asks whether T has it
    if (!isDefined(value.jobicoWrite))
      ERROR('JSON is written of booleans, numbers, strings, Json, classes with @json, and arrays of those')
    this.open(0x7b)
    this.isFirst = true
    // @ts-ignore: T has it here
    value.jobicoWrite(this)
    this.close(0x7d)
  }

  private open(bracket: i32): void {
    if (this.depth++ >= MAX_DEPTH) reject<bool>(`The JSON value is nested deeper than ${MAX_DEPTH}`)
    this.buffer.push(bracket)
  }

  private close(bracket: i32): void {
    this.depth--
    this.buffer.push(bracket)
  }
}
