const MAX_EXACT: u64 = 1 << 53 // a float up to here holds every integer
const EXACT_POWER: i32 = 22 // of ten: the largest that a float holds exactly
const POWERS: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]
const MAX_DIGITS: i32 = 800 // later digits only decide on which side of the middle between two floats the number is
const MAX_POWER: i32 = 100_000
const INFINITY: u64 = 0x7ff0000000000000 // the bits of the float

/**
 * The float nearest to a JSON number, with ties to even, as JavaScript reads it. AssemblyScript's own parseFloat is off by
 * a unit of the last place for some numbers of more than fifteen digits, or far from one.
 */
export function floatOf(text: string): f64 {
  const decimal = new Decimal(text)
  const magnitude = decimal.toFloat(text)
  return decimal.isNegative ? -magnitude : magnitude
}

/** A decimal number: digits times a power of ten. */
class Decimal {
  readonly isNegative: bool
  private digits: u8[] = []
  private power: i32 = 0

  constructor(text: string) {
    this.isNegative = text.startsWith('-')
    let isFraction = false
    let isCut = false
    let i = this.isNegative ? 1 : 0
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit == 0x2e) isFraction = true
      else if (unit < 0x30 || unit > 0x39) break
      else {
        if (isFraction) this.power--
        if (this.digits.length >= MAX_DIGITS) {
          isCut = isCut || unit != 0x30
          this.power++
        } else if (this.digits.length > 0 || unit != 0x30) this.digits.push(<u8>(unit - 0x30))
      }
    }
    if (isCut) {
      this.digits.push(1)
      this.power--
    }
    if (i < text.length) this.power += exponentIn(text, i + 1)
  }

  /** The nearest float to the number without its sign. */
  toFloat(text: string): f64 {
    const count = this.digits.length
    if (count == 0 || count + this.power < -400) return 0
    if (count + this.power > 400) return Infinity
    const whole = this.exact()
    if (whole <= MAX_EXACT && this.power >= -EXACT_POWER && this.power <= EXACT_POWER) {
      const power = POWERS[abs(this.power)]
      return this.power < 0 ? <f64>whole / power : <f64>whole * power
    }
    return this.nearest(Math.abs(parseFloat(text)))
  }

  /** All digits as one number; u64.MAX_VALUE when there are too many for that. */
  private exact(): u64 {
    if (this.digits.length > 18) return u64.MAX_VALUE
    let whole: u64 = 0
    for (let i = 0; i < this.digits.length; i++) whole = whole * 10 + this.digits[i]
    return whole
  }

  /** Searches from a near float for the nearest one: the first for which `isAboveMiddle` is false. */
  private nearest(guess: f64): f64 {
    const start = reinterpret<u64>(Math.min(guess, f64.MAX_VALUE))
    let low = start // isAboveMiddle is true for every float below this one
    let high = start
    if (this.isAboveMiddle(start)) {
      for (let step: u64 = 1; this.isAboveMiddle(high); step *= 2) {
        low = high + 1
        high = min(high + step, INFINITY)
      }
    } else {
      for (let step: u64 = 1; low > 0 && !this.isAboveMiddle(low - 1); step *= 2) {
        high = low - 1
        low = high - min(high, step)
      }
    }
    while (low < high) {
      const middle = (low + high) / 2
      if (this.isAboveMiddle(middle)) low = middle + 1
      else high = middle
    }
    return reinterpret<f64>(low)
  }

  /**
   * Whether the number rounds to a float above the one of these bits: it is beyond the middle between this float and the
   * next, or on the middle and the next one is even.
   */
  private isAboveMiddle(bits: u64): bool {
    if (bits >= INFINITY) return false
    const exponent = <i32>(bits >> 52)
    const fraction = bits & 0xfffffffffffff
    const middle = ((exponent == 0 ? fraction : fraction | (1 << 52)) << 1) + 1
    const scale = (exponent == 0 ? 1 : exponent) - 1076 // of two
    const number = new Natural()
    for (let i = 0; i < this.digits.length; i++) number.timesPlus(10, this.digits[i])
    const bound = new Natural()
    bound.timesPlus(1, <u32>(middle >> 32))
    bound.shift(32)
    bound.timesPlus(1, <u32>middle)
    if (this.power > 0) number.timesPowerOfTen(this.power)
    else bound.timesPowerOfTen(-this.power)
    if (scale < 0) number.shift(-scale)
    else bound.shift(scale)
    const order = number.compare(bound)
    return order > 0 || (order == 0 && (bits & 1) == 1)
  }
}

/** A natural number of any size. */
class Natural {
  private limbs: u32[] = [] // the least significant first

  /** Multiplies this number by the factor, then adds the summand. */
  timesPlus(factor: u32, summand: u32): void {
    let carry: u64 = summand
    for (let i = 0; i < this.limbs.length; i++) {
      carry += <u64>this.limbs[i] * factor
      this.limbs[i] = <u32>carry
      carry >>= 32
    }
    if (carry > 0) this.limbs.push(<u32>carry)
  }

  /** Multiplies this number by 10 to the given power. */
  timesPowerOfTen(power: i32): void {
    for (; power >= 9; power -= 9) this.timesPlus(1_000_000_000, 0)
    for (; power > 0; power--) this.timesPlus(10, 0)
  }

  /** Multiplies this number by 2 to the given power. */
  shift(bits: i32): void {
    const part = bits % 32
    if (part > 0) this.timesPlus(1 << part, 0)
    if (this.limbs.length == 0) return
    const zeros = new Array<u32>(bits / 32)
    this.limbs = zeros.concat(this.limbs)
  }

  /** Negative when this number is less than the other, 0 when they are equal, positive when it is greater. */
  compare(other: Natural): i32 {
    if (this.limbs.length != other.limbs.length) return this.limbs.length - other.limbs.length
    for (let i = this.limbs.length - 1; i >= 0; i--) {
      if (this.limbs[i] != other.limbs[i]) return this.limbs[i] < other.limbs[i] ? -1 : 1
    }
    return 0
  }
}

function exponentIn(text: string, from: i32): i32 {
  const sign = text.charCodeAt(from)
  let power = 0
  for (let i = sign == 0x2d || sign == 0x2b ? from + 1 : from; i < text.length; i++) {
    power = min(power * 10 + text.charCodeAt(i) - 0x30, MAX_POWER)
  }
  return sign == 0x2d ? -power : power
}
