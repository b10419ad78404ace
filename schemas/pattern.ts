import { RE2JS } from 're2js'

import { threadCounter, completeTable, type Automaton } from './automaton.ts'

/** A regular expression of JSON Schema that matches in linear time, with its cost. */
export interface Pattern {
  test(text: string): boolean
  /** The most steps that the test of a text of this length takes; always the same for the same length. */
  cost(length: number): number
}

/** The cost of a test: to begin, for each character to look it up in a table, and to search a long literal. */
const STEPS_PER_TEST = 1
const STEPS_PER_CHARACTER = 0.5
const STEPS_PER_LITERAL = 1 / 1_000
/** The cost of one state that is followed over one character. */
const STEPS_PER_THREAD = 1 / 10

/**
 * Compiles a regular expression of JSON Schema for a linear-time engine, so that no data can make it run for ever. Throws
 * for look-around and back-references, which the engine does not support.
 */
export function linearPattern(pattern: string): Pattern {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
  const perCharacter = STEPS_PER_CHARACTER + pattern.length * STEPS_PER_LITERAL
  const base = (length: number) => STEPS_PER_TEST + length * perCharacter
  const byTable: Pattern = { test: (text) => compiled.test(text), cost: base }

  /** Made at the first use: most patterns are compiled only to check that they are valid, or before any request waits. */
  let plan: Pattern | undefined
  const planned = (): Pattern => {
    const automaton: Automaton = compiled.re2()
    // A one-pass expression is as good as a table: each character leads to one state.
    if (automaton.onepass !== null || completeTable(automaton.dfa)) return byTable
    const threads = threadCounter(automaton.dfa, compiled.programSize())
    return {
      // `test` would build the states again for each text, which costs more than following all threads, as `find` does.
      test: (text) => compiled.matcher(text).find(),
      cost: (length) => base(length) + threads(length) * STEPS_PER_THREAD,
    }
  }
  return {
    test: (text) => (plan ??= planned()).test(text),
    cost: (length) => (plan ??= planned()).cost(length),
  }
}
