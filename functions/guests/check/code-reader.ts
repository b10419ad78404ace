import { malformed } from './bytes.ts'

/** A position in the code of a function. A plain object, since most of a module is code, and a Cursor would be slower. */
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

/** Reads one byte. Like all functions here, it throws MODULE_INVALID past the end. */
export function byteAt(reader: CodeReader): number {
  if (reader.at >= reader.end) throw malformed(reader.end, 'a function ends inside an instruction')
  return reader.bytes[reader.at++] ?? 0
}

/** Reads an unsigned LEB128 number of at most 32 bits. */
export function numberAt(reader: CodeReader): number {
  let value = 0
  for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
    const byte = byteAt(reader)
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
  }
  throw malformed(reader.at, 'a number in the code has more than 32 bits')
}

/** Makes a function that skips that many bytes. */
export function bytes(count: number): (reader: CodeReader) => void {
  return (reader) => {
    for (let read = 0; read < count; read += 1) byteAt(reader)
  }
}

/** Skips nothing: for instructions without operands. */
export function nothing(): void {
  // There are no operands.
}

/** Skips an LEB128 number of any size. */
export function number(reader: CodeReader): void {
  while (byteAt(reader) >= 0x80);
}

/** Skips two numbers. */
export function twoNumbers(reader: CodeReader): void {
  number(reader)
  number(reader)
}

/** Whether a byte alone is a type, or the empty type of a block: it is a negative number then, which no type index is. */
export function isTypeByte(byte: number): boolean {
  return byte >= NEGATIVE && byte < 0x80
}

/** Reads a type index where a type could stand too. Throws if it has more bytes than needed, which would be ambiguous. */
export function typeIndexAt(reader: CodeReader): number {
  const { at } = reader
  const index = numberAt(reader)
  if (((reader.bytes[reader.at - 1] ?? 0) & NEGATIVE) !== 0)
    throw malformed(at, 'a type in the code has more bytes than it needs')
  return index
}

/** Skips the type of a value. */
export function valueType(reader: CodeReader): void {
  const first = byteAt(reader)
  if (first === REFERENCE || first === NULLABLE_REFERENCE) heapType(reader)
  else if (!isNumeric(first) && !isAbstract(first)) throw unknownType(reader, first)
}

/** Skips the heap type of a reference. */
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

/** The abstract heap types: of functions, exceptions, references of the host, and of garbage collection. */
function isAbstract(byte: number): boolean {
  return byte >= 0x69 && byte <= 0x74
}

function unknownType({ at }: CodeReader, byte: number): Error {
  return malformed(at - 1, `the type 0x${byte.toString(16)} is not supported`)
}

/** Skips the types of a select. */
export function valueTypes(reader: CodeReader): void {
  for (let left = numberAt(reader); left > 0; left -= 1) valueType(reader)
}

/** Skips the labels of a br_table and its default; gives how many these are. */
export function labels(reader: CodeReader): number {
  const count = numberAt(reader)
  for (let left = count; left >= 0; left -= 1) number(reader)
  return count + 1
}

/** Skips the alignment and offset of an address, and the index of a memory if there is one. */
export function address(reader: CodeReader): void {
  if ((numberAt(reader) & HAS_MEMORY_INDEX) !== 0) number(reader)
  number(reader)
}

/** Skips an address and the number of a lane. */
export function addressAndLane(reader: CodeReader): void {
  address(reader)
  byteAt(reader)
}

/** Skips the catch clauses of a try_table; gives how many these are. */
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
