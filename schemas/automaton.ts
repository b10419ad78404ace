/** What re2js makes of a regular expression, as far as it is looked at here; its own types leave most of it open. */
export interface Automaton {
  /** Set where each character leads to one state. */
  readonly onepass: object | null
  readonly dfa: Dfa
}

/** States that are made as they are needed, each a set of instructions. */
interface Dfa {
  readonly prog: Program
  /** Set where the engine makes no states, for look-behind. */
  readonly failed: boolean
  /** The first character of each class but the first; the characters of a class lead to the same states. */
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
/** The operations that take a character. */
const FIRST_RUNE_OP = 8
const LAST_RUNE_OP = 11

/** The most instructions that are gone through to know an expression; some 10 ms. */
const MOST_VISITS = 50_000

/**
 * Makes all states that texts can lead to, where they are not too many; true when it did, and matching only ever looks
 * them up from then on.
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
  // A Set is gone through to its end, which what is added meanwhile moves on.
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
 * Tells how many instructions are at most followed over a text of so many characters, whatever these are: those that so
 * many steps can lead to. Short texts do not get far into a large expression, whose number of instructions is `size`.
 */
export function threadCounter(dfa: Dfa, size: number): (length: number) => number {
  if (dfa.failed) return (length) => (length + 1) * size
  const { sums, rest } = threadSums(dfa, size)
  const last = sums.length - 1
  return (length) => (sums[Math.min(length, last)] ?? 0) + Math.max(length - last, 0) * rest
}

/** For each length the sum of what is followed up to there, and what each character takes after the last of them. */
function threadSums(dfa: Dfa, size: number): { readonly sums: readonly number[]; readonly rest: number } {
  const { start, inst } = dfa.prog
  const sums: number[] = []
  let [sum, before] = [0, '']
  let reached = dfa.closure([start], ANYWHERE).pcs
  while (sum < MOST_VISITS) {
    sum += reached.length
    sums.push(sum)
    const taken = reached.flatMap((index) => outOf(inst[index]))
    // A search may begin at each character.
    reached = dfa.closure([...taken, start], ANYWHERE & ~BEGIN_TEXT).pcs
    const now = reached.join()
    if (now === before) return { sums, rest: reached.length }
    before = now
  }
  return { sums, rest: size }
}

/** Where an instruction that takes a character leads. */
function outOf(instruction: Program['inst'][number] | undefined): number[] {
  const { op, out } = instruction ?? { op: 0, out: 0 }
  return op >= FIRST_RUNE_OP && op <= LAST_RUNE_OP ? [out] : []
}
