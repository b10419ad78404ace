import { cursorOver, malformed } from './bytes.ts'
import { readBody, type Arity, type BodyCost, type CodeContext } from './code.ts'
import type { WasmModule } from './wasm.ts'

// V8 compiles a function when it is first called, and neither a deadline nor a memory limit can stop it then. So the cost
// of one function is limited here, to about a second and 150 MB: a lookup takes up to 4 ns, a note 60 ns and 25 bytes. In
// nearly all modules in C, Rust, Go and AssemblyScript, the most expensive function has a tenth of each limit or less.
const MOST = { lookups: 250_000_000, notes: 5_000_000, nesting: 20_000, allLocals: 50_000_000 } as const
const SHOWN_FAULTS = 3
const FIX = 'compile it with optimisation, or split it'

/**
 * The faults of a module's code, each with its fix: functions that are too expensive to compile, and tail calls, which
 * nothing could stop. Empty if there are none. Linear in the size of the code. Throws MODULE_INVALID when the code can't be
 * read.
 */
export function codeFaults(bytes: Uint8Array, module: WasmModule): string[] {
  if (!module.code) return []
  const context = contextOf(module)
  const code = cursorOver(bytes, ...module.code)
  const total = code.count('the number of bodies', module.functions.length)
  const first = module.functions.length - total
  const faults: string[] = []
  let locals = 0
  for (let read = 0; read < total && faults.length < SHOWN_FAULTS; read += 1) {
    const size = code.u32('the length of a body')
    const start = code.offset
    code.skip(size, 'a body')
    const cost = readBody(
      { bytes, at: start, end: code.offset },
      context.called(first + read).params,
      context,
    )
    locals += cost.locals
    faults.push(...bodyFaults(cost, first + read))
  }
  if (locals > MOST.allLocals)
    faults.push(`its functions have more than ${MOST.allLocals} variables in all: ${FIX}`)
  return faults
}

function bodyFaults({ nesting, lookups, notes, tailCalls }: BodyCost, index: number): string[] {
  const faults: string[] = []
  if (nesting > MOST.nesting) faults.push(`nests blocks ${nesting} deep, the limit is ${MOST.nesting}`)
  if (lookups > MOST.lookups || notes > MOST.notes) {
    const share = Math.max(lookups / MOST.lookups, notes / MOST.notes).toFixed(1)
    faults.push(
      `has ${share} times as many variables, branches and instructions as can be compiled in a second`,
    )
  }
  const messages = faults.map((fault) => `its function ${index} ${fault}: ${FIX}`)
  // A loop of tail calls never checks whether its thread is to be terminated.
  if (tailCalls)
    messages.push(`its function ${index} has tail calls, which no deadline can stop: compile it without them`)
  return messages
}

function contextOf({ types, functions, tags }: WasmModule): CodeContext {
  const arities = types.map(arityOf)
  const typed = (index: number) => found(arities[index], 'type', index)
  return {
    typed,
    called: (index) => typed(found(functions[index], 'function', index)),
    tagged: (index) => typed(found(tags[index], 'tag', index)),
  }
}

function found<T>(thing: T | undefined, what: string, index: number): T {
  if (thing === undefined) throw malformed(0, `there is no ${what} ${index}`)
  return thing
}

/** The arity of a type such as `(i32, f64) -> i32`. */
function arityOf(type: string): Arity {
  const [params = '', results = ''] = type.slice(1).split(') -> ')
  return { params: countOf(params), results: results === 'nothing' ? 0 : countOf(results) }
}

function countOf(values: string): number {
  return values === '' ? 0 : values.split(', ').length
}
