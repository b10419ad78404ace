import {
  decimalOf,
  hasExactNumbers,
  isExactNumber,
  type Decimal,
} from '../../functions/cloudevents/exact-number.ts'

/** Leads from each object and array for ajv to that with the ExactNumbers; empty if there are none. */
export type Originals = ReadonlyMap<unknown, unknown>

/**
 * A value for ajv, which knows only doubles. In place of each ExactNumber it has a double that is of the same type, integer or
 * not.
 */
export interface Doubles {
  readonly value: unknown
  readonly originals: Originals
  /** Set if there are ExactNumbers: the parent of the value, so that the value itself may be one. */
  readonly holder?: Holder
}

/** An object that has nothing but a value. */
export interface Holder {
  readonly value: unknown
}

const NONE: Originals = new Map()

/** Gives a value to ajv. Copies only what has ExactNumbers in it. */
export function inDoubles(value: unknown): Doubles {
  if (!hasExactNumbers(value)) return { value, originals: NONE }
  const originals = new Map<unknown, unknown>()
  const copy = (original: unknown): unknown => {
    if (isExactNumber(original)) return doubleOf(original.rawJSON)
    if (!hasExactNumbers(original)) return original
    const copied: unknown = Array.isArray(original)
      ? original.map(copy)
      : Object.fromEntries(
          Object.entries(original as object).map(([key, member]: [string, unknown]) => [key, copy(member)]),
        )
    originals.set(copied, original)
    return copied
  }
  const holder: Holder = { value: copy(value) }
  originals.set(holder, { value })
  return { value: holder.value, originals, holder }
}

/** A double that is an integer exactly if the number is one, and has its sign. */
function doubleOf(text: string): number {
  const { isNegative, exponent } = decimalOf(text)
  const double = Number(text)
  if (exponent >= 0n) return Math.min(Math.max(double, -Number.MAX_VALUE), Number.MAX_VALUE)
  return Number.isInteger(double) ? (isNegative ? -0.5 : 0.5) : double
}

/** The value that stands at a place, with its ExactNumbers. `parent` and `key` are those of the value. */
export function originalOf(
  originals: Originals,
  value: unknown,
  parent: unknown,
  key: string | number,
): unknown {
  if (originals.size === 0) return value
  if (typeof value === 'object') return originals.get(value) ?? value
  const holder = originals.get(parent) as Readonly<Record<string | number, unknown>> | undefined
  return holder === undefined ? value : holder[key]
}

/** The value of a number: of an ExactNumber what its text says, of a double what its shortest text says. */
export function decimal(value: unknown): Decimal {
  return decimalOf(isExactNumber(value) ? value.rawJSON : String(value))
}

/** Below 0 if a is less than b, 0 if they are equal, and above 0 if a is more. */
export function compare(a: Decimal, b: Decimal): number {
  const [signA, signB] = [sign(a), sign(b)]
  if (signA !== signB) return signA - signB
  return signA * compareSizes(a, b)
}

function sign({ digits, isNegative }: Decimal): number {
  return digits === '' ? 0 : isNegative ? -1 : 1
}

function compareSizes(a: Decimal, b: Decimal): number {
  const sizes = BigInt(a.digits.length) + a.exponent - BigInt(b.digits.length) - b.exponent
  if (sizes !== 0n) return sizes < 0n ? -1 : 1
  // Both begin at the same power of ten, so their texts are ordered as they are.
  return a.digits < b.digits ? -1 : a.digits === b.digits ? 0 : 1
}

/** Whether a number is a multiple of another, which is not 0. */
export function isMultiple(number: Decimal, of: Decimal): boolean {
  if (number.digits === '') return true
  const power = number.exponent - of.exponent
  // Its digits do not end with 0, so a multiple can't have more decimals.
  if (power < 0n) return false
  const modulus = BigInt(of.digits)
  return (BigInt(number.digits) * powerOfTen(power, modulus)) % modulus === 0n
}

/** 10^`power` modulo `modulus`, by squaring. */
function powerOfTen(power: bigint, modulus: bigint): bigint {
  let result = 1n
  for (const bit of power.toString(2)) {
    result = (result * result) % modulus
    if (bit === '1') result = (result * 10n) % modulus
  }
  return result
}

/** The steps that `compare` takes of the budget of a check; see budget.ts. */
export function costOfCompare(a: Decimal, b: Decimal): number {
  return 1 + (a.digits.length + b.digits.length) / 16
}

/** The steps that `isMultiple` takes of the budget of a check. */
export function costOfMultiple(number: Decimal, of: Decimal): number {
  const bits = 1 + (number.exponent - of.exponent).toString(16).length * 4
  const words = 1 + of.digits.length / 16
  return (bits * words * words) / 4 + ((number.digits.length / 16) * words) / 4
}
