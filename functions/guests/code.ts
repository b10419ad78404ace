import { malformed } from './bytes.ts'
import { byteAt, number, numberAt, type CodeReader } from './code-reader.ts'
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
  /** The same, where the flow of control parts or meets: for each value, the compiler notes where it is. */
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
}

type Skip = Instruction['skip']

const NO_VALUES: Arity = { params: 0, results: 0 }
const ONE_RESULT: Arity = { params: 0, results: 1 }
const OUTERMOST: Block = { base: 0, arity: NO_VALUES }
const EMPTY_BLOCK = 0x40
const REFERENCE = 0x64
const NULLABLE_REFERENCE = 0x63
const FIRST_PREFIX = 0xfb

/** What a compiler is up against in the body that `reader` is at. Throws MODULE_INVALID where it can't be read. */
export function readBody(reader: CodeReader, params: number, context: CodeContext): BodyCost {
  const locals = readLocals(reader)
  const reading: Reading = { reader, context, blocks: [OUTERMOST] }
  let height = 0
  let nesting = 0
  let lookups = 0
  let notes = 0
  let tailCalls = false
  while (reading.blocks.length > 0) {
    const instruction = readOpcode(reader)
    const alive = params + locals + height
    lookups += alive
    if (instruction.flow === undefined) instruction.skip(reader)
    else {
      notes += alive
      tailCalls ||= instruction.flow === 'tail call'
      height = follow(reading, instruction, height)
      nesting = Math.max(nesting, reading.blocks.length)
    }
    height = Math.max(0, height + instruction.height)
  }
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

/** A type is a negative number of one byte; one of references names what it refers to. */
function valueType(reader: CodeReader): void {
  const first = byteAt(reader)
  if (first === REFERENCE || first === NULLABLE_REFERENCE) number(reader)
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
    case 'branch':
      skip(reader)
      return height
    default:
      return part(reading, skip, flow, blocks[blocks.length - 1] ?? OUTERMOST)
  }
}

/** Goes past the end of a block, of a part of it, or of what can be reached of it; gives the height with which it goes on. */
function part(
  { reader, context, blocks }: Reading,
  skip: Skip,
  flow: Instruction['flow'],
  { base, arity }: Block,
): number {
  if (flow === 'catch') return base + context.tagged(numberAt(reader)).params
  skip(reader)
  if (flow === 'else') return base + arity.params
  if (flow !== 'end' && flow !== 'delegate') return base
  blocks.pop()
  return base + arity.results
}

function enter({ reader, context, blocks }: Reading, skip: Skip, height: number): number {
  const arity = blockType(reader, context)
  skip(reader)
  blocks.push({ base: Math.max(0, height - arity.params), arity })
  return height
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
  const first = reader.bytes[reader.at] ?? 0
  if (first >= 0x80 || first < EMPTY_BLOCK) return context.typed(numberAt(reader))
  valueType(reader)
  return first === EMPTY_BLOCK ? NO_VALUES : ONE_RESULT
}
