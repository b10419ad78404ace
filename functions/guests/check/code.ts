import { malformed } from './bytes.ts'
import {
  byteAt,
  catches,
  isTypeByte,
  labels,
  nothing,
  numberAt,
  typeIndexAt,
  valueType,
  type CodeReader,
} from './code-reader.ts'
import { INSTRUCTIONS, PREFIXED, type Instruction } from './opcodes.ts'

/** How many values a function, a block or a tag takes and gives. */
export interface Arity {
  readonly params: number
  readonly results: number
}

/** What the code refers to, by index. Each throws MODULE_INVALID where there is nothing of that index. */
export interface CodeContext {
  typed(index: number): Arity
  called(index: number): Arity
  tagged(index: number): Arity
}

/** What a compiler is up against in one function. */
export interface BodyCost {
  /** Variables, parameters left out. */
  readonly locals: number
  /** The deepest nesting of blocks. */
  readonly nesting: number
  /** The sum, over all instructions, of the values that may be alive there: the compiler may look through them for room. */
  readonly lookups: number
  /** The same, for each way on where the flow of control parts or meets: for each value, the compiler notes where it is. */
  readonly notes: number
  /** True where a call takes the place of its caller. */
  readonly tailCalls: boolean
}

interface Block {
  /** The height of the operand stack below what the block was given. */
  readonly base: number
  readonly arity: Arity
}

/** A function that is being read. */
interface Reading {
  readonly reader: CodeReader
  readonly context: CodeContext
  readonly blocks: Block[]
  /** How many ways on the instruction has that was read last. */
  ways: number
}

type Skip = Instruction['skip']

const NO_VALUES: Arity = { params: 0, results: 0 }
const ONE_RESULT: Arity = { params: 0, results: 1 }
const OUTERMOST: Block = { base: 0, arity: NO_VALUES }
const EMPTY_BLOCK = 0x40
const FIRST_PREFIX = 0xfb

/** What a compiler is up against in the body that `reader` is at. Throws MODULE_INVALID where it can't be read. */
export function readBody(reader: CodeReader, params: number, context: CodeContext): BodyCost {
  const locals = readLocals(reader)
  const reading: Reading = { reader, context, blocks: [OUTERMOST], ways: 1 }
  let [height, nesting, lookups, notes] = [0, 0, 0, 0]
  let tailCalls = false
  while (reading.blocks.length > 0) {
    const instruction = readOpcode(reader)
    const alive = params + locals + height
    lookups += alive
    if (instruction.flow === undefined) instruction.skip(reader)
    else {
      tailCalls ||= instruction.flow === 'tail call'
      reading.ways = 1
      height = follow(reading, instruction, height)
      nesting = Math.max(nesting, reading.blocks.length)
      notes += alive * reading.ways
    }
    height = Math.max(0, height + instruction.height)
  }
  if (reader.at !== reader.end) throw malformed(reader.at, 'a function goes on after its end')
  return { locals, nesting, lookups, notes, tailCalls }
}

function readLocals(reader: CodeReader): number {
  let locals = 0
  for (let left = numberAt(reader); left > 0; left -= 1) {
    locals += numberAt(reader)
    valueType(reader)
  }
  return locals
}

function readOpcode(reader: CodeReader): Instruction {
  const at = reader.at
  const first = byteAt(reader)
  const instruction = first < FIRST_PREFIX ? INSTRUCTIONS[first] : PREFIXED.get(first)?.get(numberAt(reader))
  if (instruction) return instruction
  const shown = Array.from(reader.bytes.subarray(at, reader.at), (byte) => byte.toString(16)).join(' ')
  throw malformed(at, `the instruction 0x${shown} is not supported`)
}

/** Goes past an instruction that has to do with control; gives the height that it leaves. */
function follow(reading: Reading, { flow, skip }: Instruction, height: number): number {
  const { reader, context, blocks } = reading
  switch (flow) {
    case 'call':
      return after(height, context.called(numberAt(reader)))
    case 'call of a type':
      return after(height, readThen(reading, skip))
    case 'block':
      return enter(reading, skip, height)
    case 'if':
      return enter(reading, skip, height - 1)
    case 'try':
      return tryTable(reading, height)
    case 'branch':
      skip(reader)
      return height
    default:
      return part(reading, skip, flow, blocks[blocks.length - 1] ?? OUTERMOST)
  }
}

/** Goes past the end of a block, of a part of it, or of what can be reached of it; gives the height with which it goes on. */
function part(reading: Reading, skip: Skip, flow: Instruction['flow'], { base, arity }: Block): number {
  const { reader, context, blocks } = reading
  if (flow === 'table') reading.ways = waysOf(labels(reader), blocks.length)
  if (flow === 'catch') return base + context.tagged(numberAt(reader)).params
  skip(reader)
  if (flow === 'else') return base + arity.params
  if (flow !== 'end' && flow !== 'delegate') return base
  blocks.pop()
  return base + arity.results
}

/** What a br_table has twice is noted once; most of it is noted there already, and compared in a fourth of the time. */
function waysOf(targets: number, depth: number): number {
  return Math.ceil(Math.min(targets, depth) / 4)
}

function enter({ reader, context, blocks }: Reading, skip: Skip, height: number): number {
  const arity = blockType(reader, context)
  skip(reader)
  blocks.push({ base: Math.max(0, height - arity.params), arity })
  return height
}

function tryTable(reading: Reading, height: number): number {
  const entered = enter(reading, nothing, height)
  reading.ways = 1 + catches(reading.reader)
  return entered
}

function readThen({ reader, context }: Reading, skip: Skip): Arity {
  const arity = context.typed(numberAt(reader))
  skip(reader)
  return arity
}

function after(height: number, { params, results }: Arity): number {
  return height - params + results
}

/** Nothing, the type of one result, or the index of a type. */
function blockType(reader: CodeReader, context: CodeContext): Arity {
  const first = byteAt(reader)
  if (first === EMPTY_BLOCK) return NO_VALUES
  reader.at -= 1
  if (!isTypeByte(first)) return context.typed(typeIndexAt(reader))
  valueType(reader)
  return ONE_RESULT
}
