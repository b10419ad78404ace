import { encode } from './codec'
import { floatOf } from './decimal-float'
import { reject } from './host'
import { floatText, WholeNumber } from './json-number'
import { JsonParser } from './json-parser'
import { TextBuffer } from './text-buffer'

/** The deepest nesting that is read or written. */
export const MAX_DEPTH: i32 = 256

/** The kind of a JSON value. */
export enum JsonKind {
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}

/**
 * A JSON value. Its readers (`string(key)`, `asInteger()`, …) reject the event when the value is of another kind, with a
 * reason that names the member. If that is to be expected, ask `has` or `kind` first.
 */
export class Json {
  /** The value `null`. */
  static readonly NULL: Json = new Json(JsonKind.Null)

  private flag: bool = false
  private text: string = '' // the characters of a string, or the text of a number as it was written
  private list: Json[] | null = null
  private map: Map<string, Json> | null = null

  private constructor(readonly kind: JsonKind) {}

  /** The value of a JSON text. Rejects the event when the text is not JSON; see `tryParse`. */
  static parse(text: string): Json {
    const parser = new JsonParser(text)
    const value = parser.parse()
    if (value === null) return reject<Json>(`Not valid JSON: ${parser.error!}`)
    return value
  }

  /** The value of a JSON text, or null when the text is not JSON. */
  static tryParse(text: string): Json | null {
    return new JsonParser(text).parse()
  }

  /** A new object without members. */
  static object(): Json {
    const value = new Json(JsonKind.Object)
    value.map = new Map<string, Json>()
    return value
  }

  /** A new array without items. */
  static array(): Json {
    const value = new Json(JsonKind.Array)
    value.list = []
    return value
  }

  /** The JSON of a boolean, number, string, Json, @json class or array of these. Null, NaN and infinities become `null`. */
  static of<T>(value: T): Json {
    if (isBoolean<T>()) return Json.ofBoolean(<bool>value)
    else if (isInteger<T>() && !isReference<T>()) return Json.ofNumberText(`${value}`)
    else if (isFloat<T>()) return isFinite(<f64>value) ? Json.ofNumberText(floatText(<f64>value)) : Json.NULL
    else {
      if (changetype<usize>(value) == 0) return Json.NULL
      if (isString<T>()) return Json.ofString(changetype<string>(value))
      // @ts-ignore: T is an array here
      else if (isArray<T>()) return Json.ofArray(changetype<valueof<T>[]>(value))
      else if (idof<T>() == idof<Json>()) return changetype<Json>(value)
      else return Json.parse(encode<NonNullable<T>>(changetype<NonNullable<T>>(value)))
    }
  }

  /** A number from its JSON text, which is not checked. */
  static ofNumberText(text: string): Json {
    const result = new Json(JsonKind.Number)
    result.text = text
    return result
  }

  /** True for `null`, and so for a missing member. */
  get isNull(): bool {
    return this.kind == JsonKind.Null
  }

  /** The number of items or members; 0 for a value that is neither an array nor an object. */
  get length(): i32 {
    if (this.kind == JsonKind.Array) return this.list!.length
    return this.kind == JsonKind.Object ? this.map!.size : 0
  }

  /** Whether there is a member of this name that is not null. */
  has(key: string): bool {
    return !this.get(key).isNull
  }

  /** The member of this name; `Json.NULL` when there is none or this is not an object. */
  get(key: string): Json {
    if (this.kind != JsonKind.Object || !this.map!.has(key)) return Json.NULL
    return this.map!.get(key)
  }

  /** The item at this index; `Json.NULL` when there is none or this is not an array. */
  at(index: i32): Json {
    if (this.kind != JsonKind.Array || index < 0 || index >= this.list!.length) return Json.NULL
    return this.list![index]
  }

  /** Whether there is a member of this name, null or not. */
  contains(key: string): bool {
    return this.kind == JsonKind.Object && this.map!.has(key)
  }

  /** This number as an integer; null when it is not an integer of at most 64 bits, or not a number. */
  whole(): WholeNumber | null {
    if (this.kind != JsonKind.Number) return null
    const whole = new WholeNumber(this.text)
    return whole.isExact ? whole : null
  }

  /** How a reason names this value: the text of a number, or else the kind. */
  describe(): string {
    return this.kind == JsonKind.Number ? this.text : kindName(this.kind)
  }

  /** The names of the members, in the order in which they were added. */
  keys(): string[] {
    return this.kind == JsonKind.Object ? this.map!.keys() : []
  }

  /** Sets a member of this object; for the values it takes see `of`. Returns the object, so that calls can be chained. */
  set<T>(key: string, value: T): Json {
    if (this.kind != JsonKind.Object) reject<bool>(`Can not set ${key}: not an object`)
    this.map!.set(key, Json.of(value))
    return this
  }

  /** Adds an item to this array; for the values it takes see `of`. Returns the array, so that calls can be chained. */
  push<T>(value: T): Json {
    if (this.kind != JsonKind.Array) reject<bool>('Can not push: not an array')
    this.list!.push(Json.of(value))
    return this
  }

  /** The member, a string. */
  string(key: string): string {
    return this.get(key).asString(key)
  }

  /** The member, an integer that fits into an i64; 12.0 and 1.2e1 are integers, too. */
  integer(key: string): i64 {
    return this.get(key).asInteger(key)
  }

  /** The member, a number, rounded to the nearest 64-bit float. */
  number(key: string): f64 {
    return this.get(key).asNumber(key)
  }

  /** The member, true or false. */
  boolean(key: string): bool {
    return this.get(key).asBoolean(key)
  }

  /** The items of the member, an array. */
  array(key: string): Json[] {
    return this.get(key).asArray(key)
  }

  /** The member, an object. */
  object(key: string): Json {
    return this.get(key).asObject(key)
  }

  /** The characters of this string. In all `as…` methods, `name` is what the reason calls this value. */
  asString(name: string = 'the value'): string {
    return this.kind == JsonKind.String ? this.text : this.mismatch<string>(name, 'a string')
  }

  /** This number, an integer that fits into an i64. */
  asInteger(name: string = 'the value'): i64 {
    const whole = this.whole()
    return whole !== null && whole.fitsSigned ? whole.signed : this.mismatch<i64>(name, 'an integer')
  }

  /** This number, rounded to the nearest 64-bit float. */
  asNumber(name: string = 'the value'): f64 {
    return this.kind == JsonKind.Number ? floatOf(this.text) : this.mismatch<f64>(name, 'a number')
  }

  /** This value, true or false. */
  asBoolean(name: string = 'the value'): bool {
    return this.kind == JsonKind.Boolean ? this.flag : this.mismatch<bool>(name, 'true or false')
  }

  /** The items of this array. This is the array itself, not a copy. */
  asArray(name: string = 'the value'): Json[] {
    return this.kind == JsonKind.Array ? this.list! : this.mismatch<Json[]>(name, 'an array')
  }

  /** This value, which has to be an object. */
  asObject(name: string = 'the value'): Json {
    return this.kind == JsonKind.Object ? this : this.mismatch<Json>(name, 'an object')
  }

  /** The JSON text, without white space. Parsed numbers keep their digits; nothing else of the original text is kept. */
  toString(): string {
    const buffer = new TextBuffer()
    this.write(buffer, 0)
    return buffer.toString()
  }

  /** Adds the JSON text to a buffer; `depth` is how deeply this value is nested there. */
  write(buffer: TextBuffer, depth: i32): void {
    switch (this.kind) {
      case JsonKind.Null:
        return buffer.append('null')
      case JsonKind.Boolean:
        return buffer.append(this.flag ? 'true' : 'false')
      case JsonKind.Number:
        return buffer.append(this.text)
      case JsonKind.String:
        return buffer.quote(this.text)
    }
    if (depth >= MAX_DEPTH) reject<bool>(`The JSON value is nested deeper than ${MAX_DEPTH}`)
    if (this.kind == JsonKind.Array) this.writeItems(buffer, depth)
    else this.writeMembers(buffer, depth)
  }

  private writeItems(buffer: TextBuffer, depth: i32): void {
    const items = this.list!
    buffer.push(0x5b)
    for (let i = 0; i < items.length; i++) {
      if (i > 0) buffer.push(0x2c)
      items[i].write(buffer, depth + 1)
    }
    buffer.push(0x5d)
  }

  private writeMembers(buffer: TextBuffer, depth: i32): void {
    const keys = this.map!.keys()
    const values = this.map!.values()
    buffer.push(0x7b)
    for (let i = 0; i < keys.length; i++) {
      if (i > 0) buffer.push(0x2c)
      buffer.quote(keys[i])
      buffer.push(0x3a)
      values[i].write(buffer, depth + 1)
    }
    buffer.push(0x7d)
  }

  private mismatch<T>(name: string, wanted: string): T {
    return reject<T>(`${name} should be ${wanted}, but is ${this.isNull ? 'missing' : this.describe()}`)
  }

  private static ofBoolean(value: bool): Json {
    const result = new Json(JsonKind.Boolean)
    result.flag = value
    return result
  }

  private static ofString(value: string): Json {
    const result = new Json(JsonKind.String)
    result.text = value
    return result
  }

  private static ofArray<T>(values: T[]): Json {
    const result = Json.array()
    for (let i = 0; i < values.length; i++) result.push(values[i])
    return result
  }
}

function kindName(kind: JsonKind): string {
  switch (kind) {
    case JsonKind.Null:
      return 'null'
    case JsonKind.Boolean:
      return 'true or false'
    case JsonKind.String:
      return 'a string'
    case JsonKind.Array:
      return 'an array'
    default:
      return 'an object'
  }
}
