/**
 * A number of JSON that is not the shortest text of any double, such as 9007199254740993 or 1e400, and so would be rounded.
 * It is an object of `JSON.rawJSON`: `JSON.stringify` writes it as it was sent.
 */
export interface ExactNumber {
  readonly rawJSON: string
}

// TypeScript's library does not have the proposal "JSON.parse source text access" yet, which V8 implements.
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): ExactNumber
  isRawJSON(value: unknown): value is ExactNumber
}
const json = JSON as unknown as JsonWithSource

/** The value of a number of JSON: `digits` × 10^`exponent`. The digits neither begin nor end with 0; zero has none. */
export interface Decimal {
  readonly isNegative: boolean
  readonly digits: string
  readonly exponent: bigint
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** Of at most 15 digits and far from the ends of the doubles: such a number is the shortest decimal of its double. */
const SHORT = /^-?[\d.]{1,15}(?:[eE][+-]?\d{1,2})?$/
const ZERO: Decimal = { isNegative: false, digits: '', exponent: 0n }

/** The value of a number, from its JSON text. */
export function decimalOf(text: string): Decimal {
  const [, sign, whole = '', fraction = '', power = '0'] = NUMBER.exec(text) ?? []
  const all = whole + fraction
  const [first, end] = significant(all)
  if (first === end) return ZERO
  const exponent = BigInt(power) + BigInt(whole.length - end)
  return { isNegative: sign === '-', digits: all.slice(first, end), exponent }
}

/** Where the zeros at the start of some digits end, and where those at their end begin. */
function significant(digits: string): readonly [first: number, end: number] {
  let first = 0
  while (first < digits.length && digits[first] === '0') first++
  let end = digits.length
  while (end > first && digits[end - 1] === '0') end--
  return [first, end]
}

/** Whether a number would be rounded if it was read as a double. `text` is a number of JSON. */
export function isRounded(text: string): boolean {
  if (SHORT.test(text)) return false
  const shortest = String(Number(text))
  if (shortest === text) return false
  return !NUMBER.test(shortest) || canonical(decimalOf(shortest)) !== canonical(decimalOf(text))
}

/** The same text for equal values, and only for them. */
export function canonical({ isNegative, digits, exponent }: Decimal): string {
  return `${isNegative ? '-' : ''}${digits}e${exponent}`
}

/** The objects and arrays that have an ExactNumber in them, at any depth. */
const holders = new WeakSet<object>()

/** Whether this engine gives the text of numbers. Node 20 does not; there, only the tests of a project run. */
const GIVES_SOURCE = typeof json.isRawJSON === 'function'

/**
 * Parses JSON as `JSON.parse` does, but the numbers that it would round become an ExactNumber; where the engine does not give
 * their text, they are rounded.
 */
export function parseExactly(text: string): unknown {
  if (!GIVES_SOURCE) return JSON.parse(text)
  return json.parse(text, (_key, value, { source = '' }) => {
    if (typeof value === 'number') return isRounded(source) ? json.rawJSON(source) : value
    if (typeof value === 'object' && value !== null && Object.values(value).some(hasExactNumbers)) {
      holders.add(value)
    }
    return value
  })
}

/** Whether this is a number that a double would round. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return GIVES_SOURCE && json.isRawJSON(value)
}

/** Whether a value from `parseExactly` is an ExactNumber, or has one in it. */
export function hasExactNumbers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (holders.has(value) || isExactNumber(value))
}
