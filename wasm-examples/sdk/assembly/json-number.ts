const MAX_EXACT: f64 = 9007199254740992 // 2^53: a float up to here holds every integer
const MAX_POWER: i32 = 100_000_000 // of ten: beyond the length of any text

/** The JSON text of a finite float, which reads back as the same float. */
export function floatText(value: f64): string {
  if (Math.floor(value) == value && Math.abs(value) <= MAX_EXACT) return (<i64>value).toString()
  const text = value.toString()
  return text.endsWith('.0') ? text.substring(0, text.length - 2) : text
}

/** The integer that a JSON number stands for; 12, 12.0 and 1.2e1 are all the same. */
export class WholeNumber {
  /** Whether the number is an integer whose magnitude fits into 64 bits. */
  isExact: bool = true
  isNegative: bool = false
  /** The magnitude: the value without its sign. */
  magnitude: u64 = 0

  constructor(text: string) {
    this.isNegative = text.startsWith('-')
    const end = exponentIndex(text)
    const power = end < text.length ? powerOf(text, end + 1) : 0
    const point = text.indexOf('.')
    let scale = power - (point < 0 ? 0 : end - point - 1)
    const trailing = scale < 0 ? -scale : 0 // for an integer, this many last digits have to be zeros
    let digits = 0
    for (let i = end - 1; i >= 0 && digits < trailing; i--) {
      if (text.charCodeAt(i) == 0x2e) continue
      if (isNonzeroDigit(text.charCodeAt(i))) this.isExact = false
      digits++
    }
    this.addDigits(text, end, trailing)
    for (; scale > 0 && this.magnitude != 0 && this.isExact; scale--) this.addDigit(0)
  }

  /** Whether an i64 can hold the value. */
  get fitsSigned(): bool {
    const most = <u64>i64.MAX_VALUE + (this.isNegative ? 1 : 0)
    return this.isExact && this.magnitude <= most
  }

  /** Whether a u64 can hold the value. */
  get fitsUnsigned(): bool {
    return this.isExact && (!this.isNegative || this.magnitude == 0)
  }

  /** The value; only correct when `fitsSigned` is true. */
  get signed(): i64 {
    return this.isNegative ? -(<i64>this.magnitude) : <i64>this.magnitude
  }

  private addDigits(text: string, end: i32, trailing: i32): void {
    let left = digitsBefore(text, end) - trailing
    for (let i = 0; i < end && left > 0; i++) {
      const unit = text.charCodeAt(i)
      if (unit == 0x2d || unit == 0x2e) continue
      this.addDigit(unit - 0x30)
      left--
    }
  }

  private addDigit(digit: u64): void {
    const most = (u64.MAX_VALUE - digit) / 10
    if (this.magnitude > most) this.isExact = false
    else this.magnitude = this.magnitude * 10 + digit
  }
}

function exponentIndex(text: string): i32 {
  for (let i = 0; i < text.length; i++) {
    if ((text.charCodeAt(i) | 0x20) == 0x65) return i
  }
  return text.length
}

/** The exponent that begins at an index of the text, limited to ±MAX_POWER. */
function powerOf(text: string, from: i32): i32 {
  const sign = text.charCodeAt(from)
  const isNegative = sign == 0x2d
  let power = 0
  for (let i = sign == 0x2d || sign == 0x2b ? from + 1 : from; i < text.length; i++) {
    power = min(power * 10 + text.charCodeAt(i) - 0x30, MAX_POWER)
  }
  return isNegative ? -power : power
}

function digitsBefore(text: string, end: i32): i32 {
  const sign = text.startsWith('-') ? 1 : 0
  const point = text.indexOf('.') < 0 ? 0 : 1
  return end - sign - point
}

function isNonzeroDigit(unit: i32): bool {
  return unit >= 0x31 && unit <= 0x39
}
