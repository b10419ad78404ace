import { RegExpParser, type AST } from '@eslint-community/regexpp'

import { complement, matchedBy, union, type CodePoints } from './code-points.ts'

/** The most instructions that the repeats of one expression may come to. */
export const MOST_STATES = 100_000
/** The most that re2 takes as the count of a repeat, or as the product of nested ones. */
const MOST_REPEATS = 1_000

/** A pattern of ECMA-262 that does not run in linear time, or is too large. The message says what is wrong, and the fix. */
export class UnsupportedPattern extends Error {}

/** An expression in the syntax of re2. */
interface Expression {
  readonly text: string
  /** An estimate of its instructions. */
  readonly size: number
  /** The largest product of nested counts. */
  readonly repeats: number
}

/** A pattern of ECMA-262 in the syntax of re2. */
export interface Translation {
  readonly text: string
  /** Set for a pattern of the form `^X{min,max}$` with large counts. The text is then `^X*$`. */
  readonly count?: { readonly min: number; readonly max: number }
}

/**
 * Translates a pattern with the meaning that ECMA-262 gives it under the flag `u`. Throws UnsupportedPattern for what does
 * not run in linear time, and a RegExpSyntaxError for what is no pattern.
 */
export function translate(pattern: string): Translation {
  const parser = new RegExpParser({ ecmaVersion: 2025 })
  const parsed = parser.parsePattern(pattern, 0, pattern.length, { unicode: true })
  const counted = countedWhole(parsed)
  if (counted === undefined) return { text: alternatives(parsed.alternatives, false).text }
  const { element, min, max } = counted
  return { text: `^${node(element, false).text}*$`, count: { min, max } }
}

/** The repeat of a pattern that has nothing but one character, repeated up to a large count, between `^` and `$`. */
function countedWhole({ alternatives }: AST.Pattern): AST.Quantifier | undefined {
  const [start, repeat, end, ...more] = alternatives.flatMap(({ elements }) => elements)
  if (alternatives.length > 1 || more.length > 0 || repeat?.type !== 'Quantifier') return undefined
  const isWhole = isAnchor(start, 'start') && isAnchor(end, 'end')
  return isWhole && isOfOneCharacter(repeat) && countOf(repeat) > MOST_REPEATS ? repeat : undefined
}

function isAnchor(element: AST.Element | undefined, kind: 'start' | 'end'): boolean {
  return element?.type === 'Assertion' && element.kind === kind
}

function isOfOneCharacter({ element }: AST.Quantifier): boolean {
  return ['Character', 'CharacterSet', 'CharacterClass'].includes(element.type)
}

/** The larger of the counts that are written. */
function countOf({ min, max }: Pick<AST.Quantifier, 'min' | 'max'>): number {
  return max === Infinity ? min : max
}

function alternatives(list: readonly AST.Alternative[], ignoresCase: boolean): Expression {
  const each = list.map(({ elements }) => sequence(elements.map((element) => node(element, ignoresCase))))
  return {
    text: each.map(({ text }) => text).join('|'),
    size: each.reduce((sum, { size }) => sum + 1 + size, -1),
    repeats: Math.max(...each.map(({ repeats }) => repeats)),
  }
}

function sequence(parts: readonly Expression[]): Expression {
  return {
    text: parts.map(({ text }) => text).join(''),
    size: parts.reduce((sum, { size }) => sum + size, 0),
    repeats: Math.max(1, ...parts.map(({ repeats }) => repeats)),
  }
}

function group(inner: Expression): Expression {
  return { ...inner, text: `(?:${inner.text})` }
}

function node(element: AST.Element, ignoresCase: boolean): Expression {
  switch (element.type) {
    case 'Assertion':
      return assertion(element, ignoresCase)
    case 'CapturingGroup':
      return group(alternatives(element.alternatives, ignoresCase))
    case 'Group':
      return group(alternatives(element.alternatives, ignoresCaseWithin(element, ignoresCase)))
    case 'Quantifier':
      return quantified(node(element.element, ignoresCase), element)
    case 'Backreference':
      throw new UnsupportedPattern(
        `the back-reference ${element.raw} does not run in linear time; write the pattern without it`,
      )
    default:
      // Without the flag v, no other kind is one character.
      return oneOf(ignoresCase ? matchedBy(`(?i:${element.raw})`) : codePoints(element as OneCharacter))
  }
}

function assertion(element: AST.Assertion, ignoresCase: boolean): Expression {
  if (element.kind === 'lookahead' || element.kind === 'lookbehind') {
    throw new UnsupportedPattern(
      `the look-around ${element.raw} does not run in linear time; write the pattern without it, or use "allOf" with "not"`,
    )
  }
  if (element.kind !== 'word') return { text: element.kind === 'start' ? '^' : '$', size: 1, repeats: 1 }
  if (ignoresCase) throw new UnsupportedPattern(`${element.raw} within (?i:…) is not supported`)
  return { text: element.negate ? String.raw`\B` : String.raw`\b`, size: 1, repeats: 1 }
}

function ignoresCaseWithin({ modifiers, raw }: AST.Group, ignoresCase: boolean): boolean {
  if (modifiers === null) return ignoresCase
  const { add, remove } = modifiers
  // The pattern as a whole has neither m nor s, so removing them changes nothing.
  if (add.multiline || add.dotAll) throw new UnsupportedPattern(`of modifiers, only i is supported: ${raw}`)
  return add.ignoreCase || (ignoresCase && remove?.ignoreCase !== true)
}

type OneCharacter = AST.Character | AST.CharacterSet | AST.CharacterClass | AST.CharacterClassRange

const LINE_TERMINATORS: CodePoints = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]
const DIGITS: CodePoints = [[0x30, 0x39]]
const WORDS: CodePoints = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
/** Those of WhiteSpace and LineTerminator in ECMA-262. */
const SPACES: CodePoints = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]
const ESCAPES = { digit: DIGITS, word: WORDS, space: SPACES } as const

function codePoints(element: OneCharacter): CodePoints {
  switch (element.type) {
    case 'Character':
      return [[element.value, element.value]]
    case 'CharacterClassRange':
      return [[element.min.value, element.max.value]]
    case 'CharacterClass': {
      const set = union(element.elements.flatMap((one) => codePoints(one as OneCharacter)))
      return element.negate ? complement(set) : set
    }
    case 'CharacterSet': {
      if (element.kind === 'any') return complement(LINE_TERMINATORS)
      if (element.kind === 'property') return matchedBy(element.raw)
      return element.negate ? complement(ESCAPES[element.kind]) : ESCAPES[element.kind]
    }
  }
}

function oneOf(set: CodePoints): Expression {
  const ranges = set.map(([first, last]) =>
    first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`,
  )
  const [only] = set
  const isSingle = set.length === 1 && only?.[0] === only?.[1]
  const none = String.raw`[^\x{0}-\x{10ffff}]`
  const text = set.length === 0 ? none : isSingle ? ranges.join('') : `[${ranges.join('')}]`
  return { text, size: 1, repeats: 1 }
}

function escaped(codePoint: number): string {
  const text = String.fromCodePoint(codePoint)
  return /[A-Za-z0-9]/.test(text) ? text : String.raw`\x{${codePoint.toString(16)}}`
}

function quantified(one: Expression, { min, max }: AST.Quantifier): Expression {
  const inner = one.size === 1 ? one : group(one)
  const count = countOf({ min, max })
  const states = inner.size * count
  // What re2 takes as it is written is as large as its author wants it.
  if (states > MOST_STATES && count > mostOf(inner)) {
    throw new UnsupportedPattern(
      `a repeat comes to ${states} states, and at most ${MOST_STATES} are taken; write smaller counts, or minLength and maxLength`,
    )
  }
  if (max === Infinity && min <= 1) return { ...inner, text: `${inner.text}${min === 0 ? '*' : '+'}` }
  const more = max === Infinity ? { ...inner, text: `${inner.text}*` } : upTo(inner, max - min)
  return { ...sequence([times(inner, min), more]), size: states }
}

/** The most repeats that re2 takes of an expression. */
function mostOf({ repeats }: Expression): number {
  return Math.floor(MOST_REPEATS / repeats)
}

function counted(inner: Expression, quantifier: string, count: number): Expression {
  return { text: `${inner.text}${quantifier}`, size: inner.size * count, repeats: inner.repeats * count }
}

const NOTHING: Expression = { text: '', size: 0, repeats: 1 }

/** So many repeats, in pieces that re2 takes. */
function times(inner: Expression, count: number): Expression {
  if (count <= 1) return count === 0 ? NOTHING : inner
  const most = mostOf(inner)
  if (count <= most) return counted(inner, `{${count}}`, count)
  const pieces = Array.from({ length: Math.floor(count / most) }, () => times(inner, most))
  return sequence([...pieces, times(inner, count % most)])
}

/**
 * At most so many repeats, in pieces that re2 takes. A piece either is full and others follow, or is the last: so at most two
 * threads follow a text, where pieces in a row would let each thread go on in any of them.
 */
function upTo(inner: Expression, count: number): Expression {
  if (count === 0) return NOTHING
  const most = mostOf(inner)
  if (count <= most) return counted(inner, count === 1 ? '?' : `{0,${count}}`, count)
  let whole = upTo(inner, count % most)
  const full = times(inner, most)
  const part = upTo(inner, most - 1)
  for (let left = count - (count % most); left > 0; left -= most) {
    whole = group(alternativesOf(sequence([full, whole]), part))
  }
  return whole
}

function alternativesOf(...list: readonly Expression[]): Expression {
  return { ...sequence(list), text: list.map(({ text }) => text).join('|') }
}
