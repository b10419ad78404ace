/** The parts of a compiled re2js expression that this file uses; re2js' own types leave most of them open. */
export interface Automaton {
  /** Set when each character leads to a single state. */
  readonly onepass: object | null
  readonly dfa: Dfa
}

/** The states of the matcher, made when they are first needed; each is a set of instructions. */
interface Dfa {
  readonly prog: Program
  /** Set when the engine makes no states because of look-behind. */
  readonly failed: boolean
  /** The first character of each class except the first class. All characters of a class lead to the same states. */
  readonly classBounds: Int32Array
  /** Null when no memory is left. */
  makeState(instructions: number[], flags: number, matches: number[]): State | null
  step(state: State, characterClass: number, character: number, anchor: number): State | null
  closure(instructions: readonly number[], flags: number): { readonly pcs: number[] }
  clearCache(): void
}

interface Program {
  readonly start: number
  readonly inst: readonly { readonly op: number; readonly out: number }[]
}

interface State {
  readonly nfaStates: readonly number[]
}

const UNANCHORED = 0
const BEGIN_TEXT = 4
const AT_BEGIN = BEGIN_TEXT | 1
const ANYWHERE = 255
const END_TEXT = -1
/** The operations from the first to the last of these numbers consume a character. */
const FIRST_RUNE_OP = 8
const LAST_RUNE_OP = 11

/** The most instructions that are visited to analyse one expression; some 10 ms. */
const MOST_VISITS = 50_000

/**
 * Makes all states that any text can lead to. Returns true when it did: matching then only looks them up. Returns false when
 * there are too many.
 */
export function completeTable(dfa: Dfa): boolean {
  const start = dfa.failed ? null : dfa.makeState([dfa.prog.start], AT_BEGIN, [])
  const isComplete = start !== null && reachesAll(dfa, start)
  if (!isComplete) dfa.clearCache()
  return isComplete
}

function reachesAll(dfa: Dfa, start: State): boolean {
  const characters = [0, ...dfa.classBounds, END_TEXT]
  const states = new Set([start])
  let visits = 0
  // The loop also visits the states that are added meanwhile.
  for (const state of states) {
    for (const [characterClass, character] of characters.entries()) {
      const next = dfa.step(state, characterClass, character, UNANCHORED)
      visits += 1 + (next?.nfaStates.length ?? 0)
      if (next === null || visits > MOST_VISITS) return false
      if (character !== END_TEXT) states.add(next)
    }
  }
  return true
}

/**
 * Returns a function from the length of a text to the most instructions that the engine follows over such a text, whatever
 * its characters. `size` is the number of instructions of the expression; a short text reaches only some of them.
 */
export function threadCounter(dfa: Dfa, size: number): (length: number) => number {
  if (dfa.failed) return (length) => (length + 1) * size
  const { sums, rest } = threadSums(dfa, size)
  const last = sums.length - 1
  return (length) => (sums[Math.min(length, last)] ?? 0) + Math.max(length - last, 0) * rest
}

/** The instructions followed in all up to each length (`sums`), and for each character beyond the last length (`rest`). */
function threadSums(dfa: Dfa, size: number): { readonly sums: readonly number[]; readonly rest: number } {
  const { start, inst } = dfa.prog
  const sums: number[] = []
  let [sum, before] = [0, '']
  let reached = dfa.closure([start], ANYWHERE).pcs
  while (sum < MOST_VISITS) {
    sum += reached.length
    sums.push(sum)
    const taken = reached.flatMap((index) => outOf(inst[index]))
    // A match may begin at each character.
    reached = dfa.closure([...taken, start], ANYWHERE & ~BEGIN_TEXT).pcs
    const now = reached.join()
    if (now === before) return { sums, rest: reached.length }
    before = now
  }
  return { sums, rest: size }
}

/** The instruction that follows one that consumes a character; none for other instructions. */
function outOf(instruction: Program['inst'][number] | undefined): number[] {
  const { op, out } = instruction ?? { op: 0, out: 0 }
  return op >= FIRST_RUNE_OP && op <= LAST_RUNE_OP ? [out] : []
}
