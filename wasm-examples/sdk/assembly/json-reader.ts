import { reject } from './host'
import { Json, JsonKind } from './json'

/** Where a value is: a member or an item of another value. Its text is built only for a fault. */
export class JsonPlace {
  constructor(
    private parent: JsonPlace | null,
    private name: string,
    private index: i32,
  ) {}

  /** The place as a JSON Pointer (RFC 6901); empty for the outermost value. */
  toString(): string {
    const parent = this.parent
    if (parent === null) return ''
    const token =
      this.index >= 0 ? this.index.toString() : this.name.replaceAll('~', '~0').replaceAll('/', '~1')
    return `${parent.toString()}/${token}`
  }
}

/** Reads the members of a JSON object into a class; the code that `@json` adds to the class calls it. */
// @ts-ignore: decorator
@global
export class JobicoJsonReader {
  constructor(
    private object: Json,
    private place: JsonPlace,
  ) {}

  /** Whether the object has a member of this name, null or not. */
  contains(name: string): bool {
    return this.object.contains(name)
  }

  /** The member of this name. Rejects the event when it is missing or does not fit T. */
  required<T>(name: string): T {
    if (this.object.contains(name)) return this.read<T>(name)
    return reject<T>(`${new JsonPlace(this.place, name, -1).toString()} is missing`)
  }

  /** The member of this name, of a type that can be null; null when it is missing. */
  optional<T>(name: string): T {
    return this.object.contains(name) ? this.read<T>(name) : changetype<T>(0)
  }

  /** Sets a field, even a readonly one. */
  assign<T>(target: usize, offset: usize, value: T): void {
    store<T>(target + offset, value)
    // @ts-ignore: editors do not know the functions of the runtime
    if (isManaged<T>()) __link(target, changetype<usize>(value), false)
  }

  private read<T>(name: string): T {
    return readValue<T>(this.object.get(name), new JsonPlace(this.place, name, -1))
  }
}

/** A JSON value as a T. Rejects the event when it does not fit T; the reason names the place. */
export function readValue<T>(value: Json, place: JsonPlace): T {
  if (isBoolean<T>())
    return value.kind == JsonKind.Boolean ? <T>value.asBoolean() : misfit<T>(value, place, 'true or false')
  else if (isInteger<T>() && !isReference<T>()) return readInteger<T>(value, place)
  else if (isFloat<T>()) return readFloat<T>(value, place)
  else if (isNullable<T>())
    return value.isNull && idof<NonNullable<T>>() != idof<Json>()
      ? changetype<T>(0)
      : changetype<T>(readValue<NonNullable<T>>(value, place))
  else if (isString<T>())
    return value.kind == JsonKind.String ? changetype<T>(value.asString()) : misfit<T>(value, place, 'a string')
  else if (isArray<T>()) return readArray<T>(value, place)
  else if (idof<T>() == idof<Json>()) return changetype<T>(value)
  else return readObject<T>(value, place)
}

function readInteger<T>(value: Json, place: JsonPlace): T {
  const whole = value.whole()
  if (whole !== null) {
    if (isSigned<T>()) {
      const signed = whole.signed
      if (whole.fitsSigned && signed >= <i64>minOf<T>() && signed <= <i64>maxOf<T>()) return <T>signed
    } else if (whole.fitsUnsigned && whole.magnitude <= <u64>maxOf<T>()) return <T>whole.magnitude
  }
  return misfit<T>(value, place, `an integer from ${minOf<T>()} to ${maxOf<T>()}`)
}

function readFloat<T>(value: Json, place: JsonPlace): T {
  if (value.kind == JsonKind.Number) {
    const number = <T>value.asNumber()
    if (isFinite(<f64>number)) return number
  }
  return misfit<T>(value, place, sizeof<T>() == 4 ? 'a number that an f32 holds' : 'a number that an f64 holds')
}

function readArray<T>(value: Json, place: JsonPlace): T {
  if (value.kind != JsonKind.Array) return misfit<T>(value, place, 'an array')
  const items = value.asArray()
  const result = instantiate<T>(items.length)
  for (let i = 0; i < items.length; i++) {
    // @ts-ignore: T is an array here
    unchecked((result[i] = readValue<valueof<T>>(items[i], new JsonPlace(place, '', i))))
  }
  return result
}

function readObject<T>(value: Json, place: JsonPlace): T {
  // @ts-ignore: this asks whether T has it
  if (!isDefined(changetype<T>(0).jobicoRead))
    ERROR('JSON is read into booleans, numbers, strings, Json, classes with @json, and arrays of those')
  if (value.kind != JsonKind.Object) return misfit<T>(value, place, 'an object')
  // No constructor is called: the code that @json added to the class sets every member.
  // @ts-ignore: editors do not know the functions of the runtime
  const result = changetype<T>(__new(offsetof<T>(), idof<T>()))
  // @ts-ignore: T has it here
  result.jobicoRead(new JobicoJsonReader(value, place))
  return result
}

// @ts-ignore: decorator
@inline
function minOf<T>(): T {
  return <T>(isSigned<T>() ? i64.MIN_VALUE >> (64 - sizeof<T>() * 8) : 0)
}

// @ts-ignore: decorator
@inline
function maxOf<T>(): T {
  return <T>(isSigned<T>() ? <u64>~minOf<T>() : u64.MAX_VALUE >> (64 - sizeof<T>() * 8))
}

function misfit<T>(value: Json, place: JsonPlace, wanted: string): T {
  const where = place.toString()
  return reject<T>(`${where == '' ? 'the data' : where} should be ${wanted}, but is ${value.describe()}`)
}
