import { RE2JS } from 're2js'

import { threadCounter, completeTable, type Automaton } from './automaton.ts'
import { translate, UnsupportedPattern, type Translation } from './ecma.ts'
import { withoutNeedlessEscapes } from './escapes.ts'

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
 * Compiles a regular expression of JSON Schema for a linear-time engine, so that no data can make it run for ever. It means
 * what ECMA-262 says of it under the flag `u`. What is an expression only without that flag (`\_`, or `{` alone) or only for
 * re2 (`(?i)abc`) keeps the meaning that it has there. Throws, with the reason and the fix, for what is no expression, for
 * look-around and back-references, and for repeats that come to too many states.
 */
export function linearPattern(pattern: string): Pattern {
  const { text, count } = inRe2(pattern)
  const matcher = matcherOf(RE2JS.compile(text), pattern.length)
  return count === undefined ? matcher : countedMatcher(matcher, count)
}

function inRe2(pattern: string): Translation {
  try {
    return translate(pattern)
  } catch (thrown) {
    if (thrown instanceof UnsupportedPattern) throw thrown
    return inRe2Otherwise(pattern, thrown)
  }
}

/** For a pattern that the flag `u` does not allow. */
function inRe2Otherwise(pattern: string, fault: unknown): Translation {
  try {
    return translate(withoutNeedlessEscapes(pattern))
  } catch (thrown) {
    if (thrown instanceof UnsupportedPattern) throw thrown
  }
  try {
    const text = RE2JS.translateRegExp(pattern)
    RE2JS.compile(text)
    return { text }
  } catch {
    // The fault that ECMA-262 finds says more than that of another syntax.
    throw fault
  }
}

function matcherOf(compiled: RE2JS, size: number): Pattern {
  const perCharacter = STEPS_PER_CHARACTER + size * STEPS_PER_LITERAL
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

/** Also counts the characters of the text. */
function countedMatcher(
  each: Pattern,
  { min, max }: { readonly min: number; readonly max: number },
): Pattern {
  return {
    test(text) {
      // At most two units are a character.
      if (text.length < min || text.length > 2 * max) return false
      const length = countCharacters(text)
      return length >= min && length <= max && each.test(text)
    },
    cost: (length) => each.cost(length) + length / 16,
  }
}

function countCharacters(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    if ((text.codePointAt(at) ?? 0) > 0xffff) at++
    count++
  }
  return count
}
