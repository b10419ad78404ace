const UNIT: i32 = 2 // bytes of a UTF-16 code unit
const HEX = '0123456789abcdef'

/** Text to which you can add in constant time; joining strings would copy them each time. */
export class TextBuffer {
  private bytes: ArrayBuffer = new ArrayBuffer(128)
  private used: i32 = 0

  /** Adds one UTF-16 code unit. */
  push(unit: i32): void {
    this.reserve(UNIT)
    store<u16>(changetype<usize>(this.bytes) + this.used, <u16>unit)
    this.used += UNIT
  }

  /** Adds the part of a text from index `from` up to, but not including, `to`. */
  slice(text: string, from: i32, to: i32): void {
    const size = (to - from) * UNIT
    this.reserve(size)
    memory.copy(changetype<usize>(this.bytes) + this.used, changetype<usize>(text) + from * UNIT, size)
    this.used += size
  }

  /** Adds a text. */
  append(text: string): void {
    this.slice(text, 0, text.length)
  }

  /** Adds a text as a JSON string. Lone surrogates are escaped, so that the result is always valid Unicode. */
  quote(text: string): void {
    const length = text.length
    let clean = 0 // where the characters begin that need no escape and are not added yet
    this.push(0x22)
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (isPair(text, i, unit)) i++
      else if (needsEscape(unit)) {
        this.slice(text, clean, i)
        this.escape(unit)
        clean = i + 1
      }
    }
    this.slice(text, clean, length)
    this.push(0x22)
  }

  /** The text added so far. */
  toString(): string {
    return String.UTF16.decodeUnsafe(changetype<usize>(this.bytes), this.used)
  }

  private escape(unit: i32): void {
    this.push(0x5c)
    const letter = shortEscape(unit)
    if (letter != 0) return this.push(letter)
    this.push(0x75)
    for (let shift = 12; shift >= 0; shift -= 4) this.push(HEX.charCodeAt((unit >> shift) & 15))
  }

  private reserve(size: i32): void {
    const capacity = this.bytes.byteLength
    if (this.used + size <= capacity) return
    const grown = new ArrayBuffer(max(capacity * 2, this.used + size))
    memory.copy(changetype<usize>(grown), changetype<usize>(this.bytes), this.used)
    this.bytes = grown
  }
}

function isPair(text: string, index: i32, unit: i32): bool {
  if ((unit & 0xfc00) != 0xd800 || index + 1 >= text.length) return false
  return (text.charCodeAt(index + 1) & 0xfc00) == 0xdc00
}

function needsEscape(unit: i32): bool {
  return unit < 0x20 || unit == 0x22 || unit == 0x5c || (unit & 0xf800) == 0xd800
}

function shortEscape(unit: i32): i32 {
  switch (unit) {
    case 0x08:
      return 0x62
    case 0x09:
      return 0x74
    case 0x0a:
      return 0x6e
    case 0x0c:
      return 0x66
    case 0x0d:
      return 0x72
    case 0x22:
    case 0x5c:
      return unit
    default:
      return 0
  }
}
