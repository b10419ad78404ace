import {
  address,
  addressAndLane,
  bytes,
  heapType,
  nothing,
  number,
  twoNumbers,
  valueTypes,
  type CodeReader,
} from './code-reader.ts'

/**
 * How an instruction changes the control flow, or the operand stack by more than a fixed number. The code after `jump`,
 * `table` and `tail call` is unreachable.
 */
export type Flow =
  | 'block'
  | 'if'
  | 'try'
  | 'else'
  | 'catch'
  | 'catch_all'
  | 'delegate'
  | 'end'
  | 'branch'
  | 'table'
  | 'jump'
  | 'tail call'
  | 'call'
  | 'call of a type'

/** What the check has to know about an instruction. */
export interface Instruction {
  /** Skips the operands, but for those that `flow` needs: an index, the type of a block, labels, catches. */
  readonly skip: (reader: CodeReader) => void
  /** By how many values the operand stack grows at most. */
  readonly height: number
  readonly flow: Flow | undefined
}

type Row = readonly [first: number, last: number, skip: Instruction['skip'], height: number, flow?: Flow]

/** Without the instructions of garbage collection, whose types are not supported either. */
const ONE_BYTE: readonly Row[] = [
  [0x00, 0x00, nothing, 0, 'jump'],
  [0x01, 0x01, nothing, 0],
  [0x02, 0x03, nothing, 0, 'block'],
  [0x04, 0x04, nothing, 0, 'if'],
  [0x05, 0x05, nothing, 0, 'else'],
  [0x06, 0x06, nothing, 0, 'block'],
  [0x07, 0x07, nothing, 0, 'catch'],
  [0x08, 0x09, number, 0, 'jump'],
  [0x0a, 0x0a, nothing, 0, 'jump'],
  [0x0b, 0x0b, nothing, 0, 'end'],
  [0x0c, 0x0c, number, 0, 'jump'],
  [0x0d, 0x0d, number, -1, 'branch'],
  [0x0e, 0x0e, nothing, 0, 'table'],
  [0x0f, 0x0f, nothing, 0, 'jump'],
  [0x10, 0x10, nothing, 0, 'call'],
  [0x11, 0x11, number, -1, 'call of a type'],
  [0x12, 0x12, number, 0, 'tail call'],
  [0x13, 0x13, twoNumbers, 0, 'tail call'],
  [0x14, 0x14, nothing, -1, 'call of a type'],
  [0x15, 0x15, number, 0, 'tail call'],
  [0x18, 0x18, number, 0, 'delegate'],
  [0x19, 0x19, nothing, 0, 'catch_all'],
  [0x1a, 0x1a, nothing, -1],
  [0x1b, 0x1b, nothing, -2],
  [0x1c, 0x1c, valueTypes, -2],
  [0x1f, 0x1f, nothing, 0, 'try'],
  [0x20, 0x20, number, 1],
  [0x21, 0x21, number, -1],
  [0x22, 0x22, number, 0],
  [0x23, 0x23, number, 1],
  [0x24, 0x24, number, -1],
  [0x25, 0x25, number, 0],
  [0x26, 0x26, number, -2],
  [0x28, 0x35, address, 0],
  [0x36, 0x3e, address, -2],
  [0x3f, 0x3f, number, 1],
  [0x40, 0x40, number, 0],
  [0x41, 0x42, number, 1],
  [0x43, 0x43, bytes(4), 1],
  [0x44, 0x44, bytes(8), 1],
  [0x45, 0x45, nothing, 0],
  [0x46, 0x4f, nothing, -1],
  [0x50, 0x50, nothing, 0],
  [0x51, 0x66, nothing, -1],
  [0x67, 0x69, nothing, 0],
  [0x6a, 0x78, nothing, -1],
  [0x79, 0x7b, nothing, 0],
  [0x7c, 0x8a, nothing, -1],
  [0x8b, 0x91, nothing, 0],
  [0x92, 0x98, nothing, -1],
  [0x99, 0x9f, nothing, 0],
  [0xa0, 0xa6, nothing, -1],
  [0xa7, 0xc4, nothing, 0],
  [0xd0, 0xd0, heapType, 1],
  [0xd1, 0xd1, nothing, 0],
  [0xd2, 0xd2, number, 1],
  [0xd3, 0xd3, nothing, -1],
  [0xd4, 0xd4, nothing, 0],
  [0xd5, 0xd5, number, 0, 'branch'],
  [0xd6, 0xd6, number, -1, 'branch'],
]
/** Saturating conversions, and bulk operations on memories and tables. */
const BULK: readonly Row[] = [
  [0, 7, nothing, 0],
  [8, 8, twoNumbers, -3],
  [9, 9, number, 0],
  [10, 10, twoNumbers, -3],
  [11, 11, number, -3],
  [12, 12, twoNumbers, -3],
  [13, 13, number, 0],
  [14, 14, twoNumbers, -3],
  [15, 15, number, -1],
  [16, 16, number, 1],
  [17, 17, number, -3],
]
/** Vectors of 128 bits. The engine refuses opcodes in these ranges that no instruction has. */
const VECTORS: readonly Row[] = [
  [0x00, 0x0a, address, 0],
  [0x0b, 0x0b, address, -2],
  [0x0c, 0x0c, bytes(16), 1],
  [0x0d, 0x0d, bytes(16), -1],
  [0x0e, 0x0e, nothing, -1],
  [0x0f, 0x14, nothing, 0],
  [0x15, 0x16, bytes(1), 0],
  [0x17, 0x17, bytes(1), -1],
  [0x18, 0x19, bytes(1), 0],
  [0x1a, 0x1a, bytes(1), -1],
  [0x1b, 0x1b, bytes(1), 0],
  [0x1c, 0x1c, bytes(1), -1],
  [0x1d, 0x1d, bytes(1), 0],
  [0x1e, 0x1e, bytes(1), -1],
  [0x1f, 0x1f, bytes(1), 0],
  [0x20, 0x20, bytes(1), -1],
  [0x21, 0x21, bytes(1), 0],
  [0x22, 0x22, bytes(1), -1],
  [0x23, 0x4c, nothing, -1],
  [0x4d, 0x4d, nothing, 0],
  [0x4e, 0x51, nothing, -1],
  [0x52, 0x52, nothing, -2],
  [0x53, 0x53, nothing, 0],
  [0x54, 0x57, addressAndLane, -1],
  [0x58, 0x5b, addressAndLane, -2],
  [0x5c, 0x5d, address, 0],
  [0x5e, 0x64, nothing, 0],
  [0x65, 0x66, nothing, -1],
  [0x67, 0x6a, nothing, 0],
  [0x6b, 0x73, nothing, -1],
  [0x74, 0x75, nothing, 0],
  [0x76, 0x79, nothing, -1],
  [0x7a, 0x7a, nothing, 0],
  [0x7b, 0x7b, nothing, -1],
  [0x7c, 0x81, nothing, 0],
  [0x82, 0x82, nothing, -1],
  [0x83, 0x84, nothing, 0],
  [0x85, 0x86, nothing, -1],
  [0x87, 0x8a, nothing, 0],
  [0x8b, 0x93, nothing, -1],
  [0x94, 0x94, nothing, 0],
  [0x95, 0x9f, nothing, -1],
  [0xa0, 0xaa, nothing, 0],
  [0xab, 0xbf, nothing, -1],
  [0xc0, 0xca, nothing, 0],
  [0xcb, 0xdf, nothing, -1],
  [0xe0, 0xe3, nothing, 0],
  [0xe4, 0xeb, nothing, -1],
  [0xec, 0xef, nothing, 0],
  [0xf0, 0xf7, nothing, -1],
  [0xf8, 0xff, nothing, 0],
  [0x100, 0x100, nothing, -1],
  [0x101, 0x104, nothing, 0],
  [0x105, 0x10c, nothing, -2],
  [0x10d, 0x112, nothing, -1],
  [0x113, 0x113, nothing, -2],
]
/** Atomic access, which is allowed on unshared memories too. */
const ATOMICS: readonly Row[] = [
  [0x00, 0x00, address, -1],
  [0x01, 0x02, address, -2],
  [0x03, 0x03, bytes(1), 0],
  [0x10, 0x16, address, 0],
  [0x17, 0x1d, address, -2],
  [0x1e, 0x47, address, -1],
  [0x48, 0x4e, address, -2],
]

type Table = ReadonlyMap<number, Instruction>

/** The instructions whose opcode is one byte. An array, since it is read for every instruction of a module. */
export const INSTRUCTIONS: readonly (Instruction | undefined)[] = arrayOf(tableOf(ONE_BYTE))

/** The instructions whose opcode is a prefix byte and a number, by that byte. */
export const PREFIXED: ReadonlyMap<number, Table> = new Map([
  [0xfc, tableOf(BULK)],
  [0xfd, tableOf(VECTORS)],
  [0xfe, tableOf(ATOMICS)],
])

function tableOf(rows: readonly Row[]): Table {
  return new Map(
    rows.flatMap(([first, last, skip, height, flow]) =>
      Array.from(
        { length: last - first + 1 },
        (_, index) => [first + index, { skip, height, flow }] as const,
      ),
    ),
  )
}

function arrayOf(table: Table): (Instruction | undefined)[] {
  return Array.from({ length: 256 }, (_, opcode) => table.get(opcode))
}
