import { lebOf } from '../check/bytes.ts'
import { fromWat } from '../test-modules.ts'

/** Optional sections, beside those of functions, memory and code. */
export interface FurtherSections {
  readonly table?: Uint8Array
  readonly elements?: Uint8Array
}

/** A command whose `_start` nests blocks that deep. In binary, since wabt overflows on such text. */
export function nested(depth: number): Uint8Array<ArrayBuffer> {
  return withBody(0, Buffer.concat([Buffer.from('0240'.repeat(depth), 'hex'), Buffer.alloc(depth, 0x0b)]))
}

/** A command whose `_start` has `count` variables and that code; its end is added. */
export function withBody(count: number, code: Uint8Array): Uint8Array<ArrayBuffer> {
  const groups = count === 0 ? [0] : [1, ...lebOf(count), 0x7f]
  return commandOf([sized(Buffer.concat([Buffer.from(groups), code, Buffer.from([0x0b])]))])
}

/** A command with that many empty functions, each with `count` variables. */
export function withBodies(functions: number, count: number): Uint8Array<ArrayBuffer> {
  const body = sized(Buffer.from([1, ...lebOf(count), 0x7f, 0x0b]))
  return commandOf(Array.from({ length: functions }, () => body))
}

/** A command made of functions in binary; the first one is `_start`. */
export function commandOf(
  bodies: readonly Uint8Array[],
  { table, elements }: FurtherSections = {},
): Uint8Array<ArrayBuffer> {
  const empty = fromWat('(memory (export "memory") 1) (func (export "_start"))')
  const count = lebOf(bodies.length)
  const functions = section(3, Buffer.from([...count, ...bodies.map(() => 0)]))
  const code = section(10, Buffer.concat([Buffer.from(count), ...bodies]))
  // Keeps only the types, memory and exports of the empty command.
  const [types, , memory, exports] = sectionsOf(empty)
  const tables = table && section(4, table)
  const filled = elements && section(9, elements)
  const parts = [types, functions, tables, memory, exports, filled, code].filter((part) => part !== undefined)
  return new Uint8Array(Buffer.concat([empty.subarray(0, 8), ...parts]))
}

function sectionsOf(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 8; at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
    parts.push(bytes.subarray(at, at + 2 + (bytes[at + 1] ?? 0))) // all of them are shorter than 128 bytes
  }
  return parts
}

function section(id: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([id]), sized(content)])
}

function sized(content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(lebOf(content.length)), content])
}
