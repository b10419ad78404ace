import { RE2JS } from 're2js'

import { threadCounter, completeTable, type Automaton } from './automaton.ts'

/** A regular expression of JSON Schema that takes linear time, and tells how long that is. */
export interface Pattern {
  test(text: string): boolean
  /** The most steps that a test of a text of so many characters takes; the same each time. */
  cost(length: number): number
}

/** To begin, and for each character: to look into a table, or to search a long literal. */
const STEPS_PER_TEST = 1
const STEPS_PER_CHARACTER = 0.5
const STEPS_PER_LITERAL = 1 / 1_000
/** For one state that is followed over one character. */
const STEPS_PER_THREAD = 1 / 10

/**
 * Compiles a regular expression of JSON Schema for an engine of linear time, so that no data can make it run for ever.
 * Throws on look-around and back-references, which that engine does not have.
 */
export function linearPattern(pattern: string): Pattern {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
  const perCharacter = STEPS_PER_CHARACTER + pattern.length * STEPS_PER_LITERAL
  const base = (length: number) => STEPS_PER_TEST + length * perCharacter
  const byTable: Pattern = { test: (text) => compiled.test(text), cost: base }

  /** Found out when it is first asked for, as most patterns are compiled to be checked only, or when nobody waits yet. */
  let plan: Pattern | undefined
  const planned = (): Pattern => {
    const automaton: Automaton = compiled.re2()
    // One pass is a table too: each character leads to one state.
    if (automaton.onepass !== null || completeTable(automaton.dfa)) return byTable
    const threads = threadCounter(automaton.dfa, compiled.programSize())
    return {
      // `test` would build states anew for each text, which costs more than to follow all threads, as `find` does.
      test: (text) => compiled.matcher(text).find(),
      cost: (length) => base(length) + threads(length) * STEPS_PER_THREAD,
    }
  }
  return {
    test: (text) => (plan ??= planned()).test(text),
    cost: (length) => (plan ??= planned()).cost(length),
  }
}
