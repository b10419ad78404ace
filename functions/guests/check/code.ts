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

/** How many values a function, a block or a tag takes and returns. */
export interface Arity {
  readonly params: number
  readonly results: number
}

/** The arity of a type, a function or a tag by its index. Each throws MODULE_INVALID for an index that does not exist. */
export interface CodeContext {
  typed(index: number): Arity
  called(index: number): Arity
  tagged(index: number): Arity
}

/** What makes one function expensive to compile. */
export interface BodyCost {
  /** Local variables, without parameters. */
  readonly locals: number
  /** The deepest nesting of blocks. */
  readonly nesting: number
  /** The sum, over all instructions, of the values that may be alive: the compiler may search them for a free register. */
  readonly lookups: number
  /** The same sum over the targets of all branches and merges: there the compiler records for each value where it is. */
  readonly notes: number
  /** Whether it has tail calls. */
  readonly tailCalls: boolean
}

interface Block {
  /** The height of the operand stack below the parameters of the block. */
  readonly base: number
  readonly arity: Arity
}

/** A function that is being read. */
interface Reading {
  readonly reader: CodeReader
  readonly context: CodeContext
  readonly blocks: Block[]
  /** How many targets the last instruction can continue at. */
  targets: number
}

type Skip = Instruction['skip']

const NO_VALUES: Arity = { params: 0, results: 0 }
const ONE_RESULT: Arity = { params: 0, results: 1 }
const OUTERMOST: Block = { base: 0, arity: NO_VALUES }
const EMPTY_BLOCK = 0x40
const FIRST_PREFIX = 0xfb

/** The cost of the body that starts at `reader`. Throws MODULE_INVALID when it can't be read. */
export function readBody(reader: CodeReader, params: number, context: CodeContext): BodyCost {
  const locals = readLocals(reader)
  const reading: Reading = { reader, context, blocks: [OUTERMOST], targets: 1 }
  let [height, nesting, lookups, notes] = [0, 0, 0, 0]
  let tailCalls = false
  while (reading.blocks.length > 0) {
    const instruction = readOpcode(reader)
    const alive = params + locals + height
    lookups += alive
    if (instruction.flow === undefined) instruction.skip(reader)
    else {
      tailCalls ||= instruction.flow === 'tail call'
      reading.targets = 1
      height = follow(reading, instruction, height)
      nesting = Math.max(nesting, reading.blocks.length)
      notes += alive * reading.targets
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

/** Reads a control instruction; gives the height of the operand stack after it. */
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

/** Reads an instruction that ends a block, a part of it, or its reachable code; gives the height of the stack after it. */
function part(reading: Reading, skip: Skip, flow: Instruction['flow'], { base, arity }: Block): number {
  const { reader, context, blocks } = reading
  if (flow === 'table') reading.targets = tableTargets(labels(reader), blocks.length)
  if (flow === 'catch') return base + context.tagged(numberAt(reader)).params
  skip(reader)
  if (flow === 'else') return base + arity.params
  if (flow !== 'end' && flow !== 'delegate') return base
  blocks.pop()
  return base + arity.results
}

/**
 * The targets of a br_table that count: a target that occurs twice is recorded once, and most targets are recorded already,
 * so that a comparison is enough, which takes a fourth of the time.
 */
function tableTargets(targets: number, depth: number): number {
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
  reading.targets = 1 + catches(reading.reader)
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

/** Reads the type of a block: nothing, one result, or the index of a type. */
function blockType(reader: CodeReader, context: CodeContext): Arity {
  const first = byteAt(reader)
  if (first === EMPTY_BLOCK) return NO_VALUES
  reader.at -= 1
  if (!isTypeByte(first)) return context.typed(typeIndexAt(reader))
  valueType(reader)
  return ONE_RESULT
}
