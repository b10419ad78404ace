import { malformed } from './bytes.ts'

/** A place in the code of a function. Code is most of a module: unlike a Cursor, this costs nothing to move on. */
export interface CodeReader {
  readonly bytes: Uint8Array
  readonly end: number
  at: number
}

const HAS_MEMORY_INDEX = 0x40
const FIRST_CATCH_WITHOUT_TAG = 2
const LAST_CATCH = 3
const REFERENCE = 0x64
const NULLABLE_REFERENCE = 0x63
const NEGATIVE = 0x40

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

/** True where a byte alone is a type, or the empty one of a block: a negative number, as an index of a type is none. */
export function isTypeByte(byte: number): boolean {
  return byte >= NEGATIVE && byte < 0x80
}

/** The index of a type, where its code could be as well. It is signed: what says less in more bytes could be taken for either. */
export function typeIndexAt(reader: CodeReader): number {
  const { at } = reader
  const index = numberAt(reader)
  if (((reader.bytes[reader.at - 1] ?? 0) & NEGATIVE) !== 0)
    throw malformed(at, 'a type in the code has more bytes than it needs')
  return index
}

/** Passes over the type of a value. */
export function valueType(reader: CodeReader): void {
  const first = byteAt(reader)
  if (first === REFERENCE || first === NULLABLE_REFERENCE) heapType(reader)
  else if (!isNumeric(first) && !isAbstract(first)) throw unknownType(reader, first)
}

/** Passes over what a reference refers to. */
export function heapType(reader: CodeReader): void {
  const first = byteAt(reader)
  if (isAbstract(first)) return
  if (isTypeByte(first)) throw unknownType(reader, first)
  reader.at -= 1
  typeIndexAt(reader)
}

function isNumeric(byte: number): boolean {
  return byte >= 0x7b && byte <= 0x7f
}

/** Functions, exceptions, what is the host's, and what garbage collection has beside them. */
function isAbstract(byte: number): boolean {
  return byte >= 0x69 && byte <= 0x74
}

function unknownType({ at }: CodeReader, byte: number): Error {
  return malformed(at - 1, `the type 0x${byte.toString(16)} is not supported`)
}

/** Passes over the types of a select. */
export function valueTypes(reader: CodeReader): void {
  for (let left = numberAt(reader); left > 0; left -= 1) valueType(reader)
}

/** Passes over the labels of a br_table, and its default; gives how many they are. */
export function labels(reader: CodeReader): number {
  const count = numberAt(reader)
  for (let left = count; left >= 0; left -= 1) number(reader)
  return count + 1
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

/** Passes over the catches of a try_table; gives how many they are. */
export function catches(reader: CodeReader): number {
  const count = numberAt(reader)
  for (let left = count; left > 0; left -= 1) {
    const kind = byteAt(reader)
    if (kind > LAST_CATCH) throw malformed(reader.at - 1, `the catch 0x${kind.toString(16)} is not supported`)
    if (kind < FIRST_CATCH_WITHOUT_TAG) number(reader)
    number(reader)
  }
  return count
}
