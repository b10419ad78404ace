import t from 'tap'
import { lebOf } from './bytes.ts'
import { INSTRUCTIONS, PREFIXED, type Instruction } from './opcodes.ts'
import { fromWat } from '../test-modules.ts'

// The locals of the function that instructions are tried in, one of each type.
const TYPES = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f]
const [SELECT_OF_TYPES, REF_NULL, ATOMIC] = [0x1c, 0xd0, 0xfe]
const [LOCAL_GET, DROP, END] = [0x20, 0x1a, 0x0b]
const MOST_OPERANDS = 3

// All that an instruction may name by the index 0.
const surroundings = fromWat(
  '(memory 1) (table 1 funcref) (global (mut i32) (i32.const 0)) (elem func 0) (data "x") (func)',
)

interface Known {
  readonly opcode: readonly number[]
  readonly instruction: Instruction
}

const known: readonly Known[] = [
  ...INSTRUCTIONS.flatMap((instruction, opcode) => (instruction ? [{ opcode: [opcode], instruction }] : [])),
  ...Array.from(PREFIXED, ([prefix, table]) =>
    Array.from(table, ([number, instruction]) => ({ opcode: [prefix, ...lebOf(number)], instruction })),
  ).flat(),
]

t.test('each instruction is as long, and changes the stack as much, as the engine says', (t) => {
  const checked = known.filter(({ opcode, instruction }) => {
    if (instruction.flow !== undefined) return false
    const heights = immediatesOf(opcode, instruction).map((after) => heightOf([...opcode, ...after]))
    const height = heights.find((found) => found !== undefined)
    if (height === undefined) return false // the engine has none of that opcode, so that it refuses the module
    t.equal(instruction.height, height, Buffer.from(opcode).toString('hex'))
    return true
  })
  t.ok(checked.length > 450, `${checked.length} instructions`)
  t.end()
})

/** What may follow an opcode: as many zeros as we pass over; atomic instructions name their alignment. */
function immediatesOf([first]: readonly number[], { skip }: Instruction): number[][] {
  if (first === SELECT_OF_TYPES) return [[1, 0x7f]]
  if (first === REF_NULL) return [[0x70]]
  const reader = { bytes: new Uint8Array(32), end: 32, at: 0 }
  skip(reader)
  const zeros = Array.from({ length: reader.at }, () => 0)
  return first === ATOMIC ? [0, 1, 2, 3].map((alignment) => [alignment, ...zeros.slice(1)]) : [zeros]
}

/** By how much the engine lets an instruction change the height of the stack; undefined where it is none at all. */
function heightOf(instruction: readonly number[]): number | undefined {
  for (const operands of operandLists(MOST_OPERANDS)) {
    const given = operands.flatMap((local) => [LOCAL_GET, local])
    for (const results of [0, 1]) {
      const drops = Array.from({ length: results }, () => DROP)
      if (WebAssembly.validate(moduleOf([...given, ...instruction, ...drops, END])))
        return results - operands.length
    }
  }
  return undefined
}

function* operandLists(most: number): Generator<readonly number[]> {
  yield []
  if (most === 0) return
  for (const fewer of operandLists(most - 1)) for (const local of TYPES.keys()) yield [...fewer, local]
}

/** A module whose only function has that code. */
function moduleOf(code: readonly number[]): Uint8Array<ArrayBuffer> {
  const locals = [TYPES.length, ...TYPES.flatMap((type) => [1, type])]
  const body = [...locals, ...code]
  const section = [10, body.length + 2, 1, body.length, ...body]
  const empty = Buffer.from([10, 4, 1, 2, 0, END])
  const at = Buffer.from(surroundings).indexOf(empty)
  const after = surroundings.subarray(at + empty.length)
  return Uint8Array.of(...surroundings.subarray(0, at), ...[12, 1, 1], ...section, ...after)
}
