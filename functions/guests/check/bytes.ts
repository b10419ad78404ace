import { JobicoError } from '../../process/errors.ts'

/** Reads the primitives of the WebAssembly binary format. Each method advances; it throws MODULE_INVALID past the end. */
export interface Cursor {
  /** The offset of the next read, in bytes from the start of the file. */
  readonly offset: number
  /** The offset at which this part ends. */
  readonly end: number
  /** One byte. */
  byte(what: string): number
  /** An unsigned LEB128 number of at most 32 bits. */
  u32(what: string): number
  /** An unsigned LEB128 number of at most 64 bits; above 2^53 it is rounded. */
  u64(what: string): number
  /** The number of elements that follow. Throws when it is above `most`, or above the number of bytes that are left. */
  count(what: string, most: number): number
  /** A name: its length, then that many bytes of UTF-8. */
  name(what: string): string
  /** Skips `length` bytes. */
  skip(length: number, what: string): void
  /** A cursor over the next `length` bytes, which this cursor skips. */
  part(length: number, what: string): Cursor
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The MODULE_INVALID for a module that breaks the binary format at an offset. */
export function malformed(offset: number, problem: string): JobicoError {
  const message = `the WebAssembly is malformed at offset ${offset} (0x${offset.toString(16)}): ${problem}`
  return new JobicoError('MODULE_INVALID', message, { members: { offset } })
}

/** A cursor over `bytes` from `start` up to `end`; the bytes are not copied and must not change. */
export function cursorOver(bytes: Uint8Array, start: number, end: number): Cursor {
  let offset = start

  function byte(what: string): number {
    const value = offset < end ? bytes[offset] : undefined
    if (value === undefined) throw malformed(offset, `it ends inside ${what}`)
    offset += 1
    return value
  }

  function leb(bits: number, what: string): number {
    const started = offset
    let value = 0
    for (let shift = 0; shift < bits; shift += 7) {
      const next = byte(what)
      if (shift + 7 > bits && (next & 0x7f) >= 2 ** (bits - shift)) break
      value += (next & 0x7f) * 2 ** shift // not <<, which would wrap at 32 bits
      if (next < 0x80) return value
    }
    throw malformed(started, `${what} is no number of ${bits} bits`)
  }

  function skip(length: number, what: string): void {
    if (length > end - offset)
      throw malformed(offset, `${what} is ${length} bytes long, ${end - offset} are left`)
    offset += length
  }

  function count(what: string, most: number): number {
    const started = offset
    const value = leb(32, what)
    if (value > most) throw malformed(started, `${what} is ${value}, the limit is ${most}`)
    if (value > end - offset) throw malformed(started, `${what} is ${value}, ${end - offset} bytes are left`)
    return value
  }

  function name(what: string): string {
    const length = leb(32, what)
    const started = offset
    skip(length, what)
    try {
      return UTF8.decode(bytes.subarray(started, offset))
    } catch {
      throw malformed(started, `${what} is not UTF-8`)
    }
  }

  function part(length: number, what: string): Cursor {
    const started = offset
    skip(length, what)
    return cursorOver(bytes, started, offset)
  }

  return {
    get offset() {
      return offset
    },
    end,
    byte,
    u32: (what) => leb(32, what),
    u64: (what) => leb(64, what),
    count,
    name,
    skip,
    part,
  }
}

/** Encodes a number as unsigned LEB128, in as few bytes as possible. */
export function lebOf(value: number): number[] {
  const rest = Math.floor(value / 128)
  return rest === 0 ? [value] : [(value % 128) | 0x80, ...lebOf(rest)]
}

/** Concatenates the parts into an array with a buffer of its own; Buffer.concat may give a view of a larger buffer. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
