import { Json, MAX_DEPTH } from './json'
import { TextBuffer } from './text-buffer'

const END: i32 = -1

/** Parses one JSON text, strictly by RFC 8259. Stops at the first fault and keeps it in `error`. */
export class JsonParser {
  /** What is wrong with the text, and at which index; null when no fault was found. */
  error: string | null = null

  /** The unparsed text of the member `rawKey` of the outermost object; null when there is none. */
  raw: string | null = null

  private pos: i32 = 0

  constructor(
    private text: string,
    private rawKey: string | null = null,
  ) {}

  /** The value of the whole text, or null when it is not JSON. */
  parse(): Json | null {
    const value = this.value(0)
    this.space()
    if (this.unit() != END) this.fail('text after the value')
    return this.error === null ? value : null
  }

  private value(depth: i32): Json {
    this.space()
    switch (this.unit()) {
      case 0x7b:
        return this.object(depth)
      case 0x5b:
        return this.array(depth)
      case 0x22:
        return Json.of(this.string())
      case 0x74:
        return this.literal('true', Json.of(true))
      case 0x66:
        return this.literal('false', Json.of(false))
      case 0x6e:
        return this.literal('null', Json.NULL)
      default:
        return this.number()
    }
  }

  private object(depth: i32): Json {
    const result = Json.object()
    if (!this.open(depth) || this.closes(0x7d)) return result
    do {
      this.space()
      const key = this.string()
      this.space()
      this.expect(0x3a, 'a colon')
      if (depth == 0 && this.rawKey !== null && key == this.rawKey!) this.raw = this.skip()
      else result.set(key, this.value(depth + 1))
    } while (this.hasNext(0x7d))
    return result
  }

  private array(depth: i32): Json {
    const result = Json.array()
    if (!this.open(depth) || this.closes(0x5d)) return result
    do {
      result.push(this.value(depth + 1))
    } while (this.hasNext(0x5d))
    return result
  }

  private open(depth: i32): bool {
    this.pos++
    if (depth < MAX_DEPTH) return true
    this.fail(`nested deeper than ${MAX_DEPTH}`)
    return false
  }

  private closes(bracket: i32): bool {
    this.space()
    if (this.unit() != bracket) return false
    this.pos++
    return true
  }

  private hasNext(bracket: i32): bool {
    if (this.closes(bracket)) return false
    return this.expect(0x2c, 'a comma or the end')
  }

  private string(): string {
    if (!this.expect(0x22, 'a string')) return ''
    const from = this.pos
    let unit = this.plain()
    if (unit == 0x22) return this.text.substring(from, this.pos++)
    const buffer = new TextBuffer()
    buffer.slice(this.text, from, this.pos)
    while (unit == 0x5c) {
      this.pos++
      buffer.push(this.escape())
      const run = this.pos
      unit = this.plain()
      buffer.slice(this.text, run, this.pos)
    }
    this.expect(0x22, 'the end of the string')
    return buffer.toString()
  }

  /** Skips the characters of a string that need no decoding, and returns the first code unit that does. */
  private plain(): i32 {
    let unit = this.unit()
    while (unit >= 0x20 && unit != 0x22 && unit != 0x5c) {
      this.pos++
      unit = this.unit()
    }
    return unit
  }

  private escape(): i32 {
    const letter = this.unit()
    this.pos++
    switch (letter) {
      case 0x22:
      case 0x2f:
      case 0x5c:
        return letter
      case 0x62:
        return 0x08
      case 0x66:
        return 0x0c
      case 0x6e:
        return 0x0a
      case 0x72:
        return 0x0d
      case 0x74:
        return 0x09
      case 0x75:
        return this.hex()
      default:
        this.pos--
        this.fail('not an escape')
        return 0
    }
  }

  private hex(): i32 {
    let value = 0
    for (let i = 0; i < 4; i++) {
      const digit = hexDigit(this.unit())
      if (digit < 0) {
        this.fail('not a hexadecimal digit')
        return 0
      }
      value = (value << 4) | digit
      this.pos++
    }
    return value
  }

  private number(): Json {
    const from = this.pos
    if (this.unit() == 0x2d) this.pos++
    if (this.unit() == 0x30) this.pos++
    else this.digits()
    if (this.unit() == 0x2e) {
      this.pos++
      this.digits()
    }
    if ((this.unit() | 0x20) == 0x65) {
      this.pos++
      if (this.unit() == 0x2b || this.unit() == 0x2d) this.pos++
      this.digits()
    }
    return Json.ofNumberText(this.text.substring(from, this.pos))
  }

  private digits(): void {
    if (!isDigit(this.unit())) return this.fail('not a value')
    while (isDigit(this.unit())) this.pos++
  }

  private literal(word: string, value: Json): Json {
    for (let i = 0; i < word.length; i++) {
      if (!this.expect(word.charCodeAt(i), word)) break
    }
    return value
  }

  /** Skips one value, checking only its strings and brackets: it is parsed when somebody reads it. */
  private skip(): string {
    this.space()
    const from = this.pos
    let depth = 0
    do {
      const unit = this.unit()
      if (unit == 0x22) this.skipString()
      else if (unit == 0x7b || unit == 0x5b) depth++
      else if (unit == 0x7d || unit == 0x5d) depth--
      this.pos++
    } while (this.unit() != END && (depth > 0 || !endsValue(this.unit())))
    return this.text.substring(from, this.pos).trimEnd()
  }

  /** Leaves the position on the closing quote. */
  private skipString(): void {
    this.pos++
    while (this.plain() == 0x5c) this.pos += 2
  }

  private space(): void {
    let unit = this.unit()
    while (unit == 0x20 || unit == 0x0a || unit == 0x0d || unit == 0x09) {
      this.pos++
      unit = this.unit()
    }
  }

  private expect(unit: i32, what: string): bool {
    if (this.unit() == unit) {
      this.pos++
      return true
    }
    this.fail(`expected ${what}`)
    return false
  }

  @inline
  private unit(): i32 {
    return this.pos < this.text.length
      ? <i32>load<u16>(changetype<usize>(this.text) + ((<usize>this.pos) << 1))
      : END
  }

  private fail(what: string): void {
    if (this.error === null) this.error = `${what} at ${this.pos}`
    this.pos = this.text.length // ends every loop
  }
}

function isDigit(unit: i32): bool {
  return unit >= 0x30 && unit <= 0x39
}

function hexDigit(unit: i32): i32 {
  if (isDigit(unit)) return unit - 0x30
  const letter = unit | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function endsValue(unit: i32): bool {
  return unit == 0x2c || unit == 0x7d || unit == 0x5d
}
