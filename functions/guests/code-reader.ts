import { malformed } from './bytes.ts'

/** A place in the code of a function. Code is most of a module: unlike a Cursor, this costs nothing to move on. */
export interface CodeReader {
  readonly bytes: Uint8Array
  readonly end: number
  at: number
}

const HAS_MEMORY_INDEX = 0x40
const FIRST_CATCH_WITHOUT_TAG = 2

/** One byte. As all of these, it throws MODULE_INVALID past the end. */
export function byteAt(reader: CodeReader): number {
  if (reader.at >= reader.end) throw malformed(reader.end, 'a function ends inside an instruction')
  return reader.bytes[reader.at++] ?? 0
}

/** An unsigned number of at most 32 bits, in LEB128. */
export function numberAt(reader: CodeReader): number {
  let value = 0
  for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
    const byte = byteAt(reader)
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
  }
  throw malformed(reader.at, 'a number in the code has more than 32 bits')
}

/** Makes a function that passes over that many bytes. */
export function bytes(count: number): (reader: CodeReader) => void {
  return (reader) => {
    for (let read = 0; read < count; read += 1) byteAt(reader)
  }
}

/** Passes over nothing. */
export function nothing(): void {
  // There is nothing to pass over.
}

/** Passes over a number of any size in LEB128. */
export function number(reader: CodeReader): void {
  while (byteAt(reader) >= 0x80);
}

/** Passes over two numbers. */
export function twoNumbers(reader: CodeReader): void {
  number(reader)
  number(reader)
}

/** Passes over as many numbers as the first one says, such as the types of a select. */
export function numbers(reader: CodeReader): void {
  for (let left = numberAt(reader); left > 0; left -= 1) number(reader)
}

/** Passes over the labels of a br_table, and its default. */
export function labels(reader: CodeReader): void {
  numbers(reader)
  number(reader)
}

/** Passes over the alignment and offset of an address, and the index of a memory where there is one. */
export function address(reader: CodeReader): void {
  if ((numberAt(reader) & HAS_MEMORY_INDEX) !== 0) number(reader)
  number(reader)
}

/** Passes over an address and the number of a lane. */
export function addressAndLane(reader: CodeReader): void {
  address(reader)
  byteAt(reader)
}

/** Passes over the catches of a try_table. */
export function catches(reader: CodeReader): void {
  for (let left = numberAt(reader); left > 0; left -= 1) {
    if (byteAt(reader) < FIRST_CATCH_WITHOUT_TAG) number(reader)
    number(reader)
  }
}
