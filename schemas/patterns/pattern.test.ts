import fc from 'fast-check'
import t from 'tap'

import { linearPattern } from './pattern.ts'

/** A text in ASCII: a line separator would end the line of a test's name. */
const shown = (text: string) =>
  JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
const times = (count: number) => 'x'.repeat(count)

t.test('a pattern means what ECMA-262 says under the flag u', (t) => {
  const cases: readonly (readonly [
    pattern: string,
    matches: readonly string[],
    others: readonly string[],
  ])[] = [
    [
      String.raw`^\S+$`,
      ['ann', '\u200b', '\u180e'],
      ['ann\u00a0lee', '\ufeff', '\u3000', '\v', '\u1680', ''],
    ],
    [String.raw`^[\w\s]+$`, ['a\u00a0b', '\u2028', '_9'], ['é', '\u200b', '-']],
    [String.raw`^[^\s]$`, ['a', '😀'], ['\u202f', '\u2029']],
    ['^.+$', ['a\u0085b', 'a\vb', '\ud800'], ['a\u2028b', 'a\u2029b', 'a\rb', 'a\n']],
    ['^[^]$', ['\n', '😀', '\udc00'], ['', 'ab']],
    ['^a[]?$', ['a'], ['ab']],
    ['[]', [], ['', 'a', '[]']],
    [String.raw`^\ud83d\ude00$`, ['😀'], ['\ud83d', '\ude00']],
    [String.raw`^\u{1f600}$`, ['😀'], ['😁']],
    ['^[😀-😎]{2}$', ['😀😎'], ['😀', '😏😏']],
    ['^.$', ['😀', '\ud83d'], ['ab']],
    [String.raw`^[\ud83d]$`, ['\ud83d'], ['😀']],
    [String.raw`^\p{Letter}+$`, ['École', '東京'], ['a1', '']],
    [String.raw`^\p{Script=Greek}+$`, ['αβγ'], ['abc', 'α ']],
    [String.raw`^\p{sc=Grek}\p{scx=Hira}$`, ['αー'], ['αa']],
    [String.raw`^\p{ASCII}*$`, ['a~\u007f', ''], ['é']],
    [String.raw`^\p{digit}\p{Nd}$`, ['1٣'], ['a1']],
    [String.raw`^\P{Lu}[^\p{Ll}\d]$`, ['aB', '1-'], ['AB', 'a1', 'ab']],
    [String.raw`^[\p{Emoji_Presentation}]$`, ['😀'], ['1']],
    [String.raw`^\cA\0\x41\t\/`, ['\u0001\u0000A\t/'], ['A']],
    [String.raw`\bfoo\b`, ['a foo.', 'éfooé'], ['food', 'foo_']],
    [String.raw`\Boo`, ['foo'], ['oo']],
    ['^(?<year>[0-9]{4})-(?:0[1-9]|1[0-2])$', ['2026-11'], ['2026-13']],
    ['^a{2,}?b*?$', ['aa', 'aabb'], ['a', 'ab']],
    ['^(?i:straße|k)$', ['STRAßE', '\u212a', 'K'], ['STRASSE']],
    ['^(?i:a(?-i:b))$', ['Ab'], ['AB']],
    ['^[^a-z]$', ['A', '\n'], ['b']],
    ['^(?:)$', [''], ['a']],
    ['(?:a|)(?:^|b)$', ['', 'b', 'ab'], ['c']],
    ['^$', [''], ['\n']],
    ['a$', ['a'], ['a\n']],
    // The usual one of AWS.
    [
      String.raw`^[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*$`,
      ['a\n😀', ''],
      ['\u0000', '\ud800', '\uffff'],
    ],
  ]
  for (const [pattern, matches, others] of cases) {
    const { test } = linearPattern(pattern)
    for (const text of matches) t.ok(test(text), shown(`${pattern} matches ${text}`))
    for (const text of others) t.notOk(test(text), shown(`${pattern} does not match ${text}`))
    // The expectations are those of the engine of JavaScript itself.
    t.same(
      [...matches, ...others].map((text) => new RegExp(pattern, 'u').test(text)),
      [...matches.map(() => true), ...others.map(() => false)],
      shown(pattern),
    )
  }
  t.end()
})

t.test('repeats past 1,000', (t) => {
  const cases: readonly (readonly [
    pattern: string,
    matches: readonly string[],
    others: readonly string[],
  ])[] = [
    ['^.{1,2048}$', ['x', times(2048), '😀'.repeat(2048)], ['', times(2049), `${times(9)}\n`]],
    ['^x{1001}$', [times(1001)], [times(1000), times(1002)]],
    ['^x{2500,}$', [times(2500), times(9000)], [times(2499), `${times(2500)}y`]],
    ['^[xy]{0,1000000}$', ['', times(1_000_000)], [times(1_000_001), 'z']],
    ['^ax{2,3000}b$', [`a${times(2)}b`, `a${times(3000)}b`], ['axb', `a${times(3001)}b`]],
    ['^(?:x{100}){30}$', [times(3000)], [times(2999), times(3001)]],
    ['^(?:xy?){0,1200}$', [times(1200), 'xy'.repeat(1200)], [times(1201), 'yx']],
    ['^(?:x{1,40}){1,40}$', ['x', times(1600)], ['', times(1601)]],
    ['x{1500}', [`y${times(1500)}y`], [times(1499)]],
  ]
  for (const [pattern, matches, others] of cases) {
    const { test } = linearPattern(pattern)
    for (const text of matches) t.ok(test(text), `${pattern} matches a text of ${text.length}`)
    for (const text of others) t.notOk(test(text), `${pattern} does not match a text of ${text.length}`)
  }
  t.end()
})

t.test('what only re2 or patterns without the flag u allow keeps its meaning', (t) => {
  const cases: readonly (readonly [pattern: string, matches: string, other: string])[] = [
    [String.raw`^[\w\-\_]+\@\s$`, 'a-_@\u00a0', 'a@b'],
    [String.raw`^\"\'\:\ \-\%\#$`, `"': -%#`, '"'],
    ['^{[^}]*}$', '{a}', 'a'],
    ['^a]$', 'a]', 'a'],
    ['^x{,3}$', 'x{,3}', 'xx'],
    [String.raw`^\_{2}{a}$`, '__{a}', '_{a}'],
    ['(?i)^abc$', 'ABC', 'AB'],
    [String.raw`\Aa\z`, 'a', 'a\n'],
    ['^(?P<a>b)$', 'b', 'a'],
  ]
  for (const [pattern, match, other] of cases) {
    const { test } = linearPattern(pattern)
    t.ok(test(match), shown(`${pattern} matches ${match}`))
    t.notOk(test(other), shown(`${pattern} does not match ${other}`))
  }
  t.end()
})

t.test('what is refused says why', (t) => {
  const cases: readonly (readonly [pattern: string, says: RegExp])[] = [
    ['^(?=a)', /look-around \(\?=a\) does not run in linear time/],
    ['(?<!a)b', /look-around \(\?<!a\)/],
    [String.raw`(a)\1`, /back-reference \\1 does not run in linear time/],
    [String.raw`(?<n>a)\k<n>`, /back-reference \\k<n>/],
    ['(?m:^a)', /of modifiers, only i is supported/],
    [String.raw`(?i:\ba)`, /\\b within \(\?i:/],
    ['(?:ab){60000}', /120000 states, and at most 100000 are taken/],
    ['a(', /Unterminated group/],
    ['[b-a]', /Range out of order/],
    [String.raw`\p{Nothing}`, /Invalid property name/],
    ['a**', /Nothing to repeat/],
  ]
  for (const [pattern, message] of cases) t.throws(() => linearPattern(pattern), { message }, pattern)
  t.end()
})

t.test('random patterns match as they do in JavaScript', (t) => {
  const characters = [
    'a',
    'B',
    '1',
    '_',
    '-',
    ' ',
    '\n',
    '\u00a0',
    '\u2028',
    'é',
    'ſ',
    '😀',
    '\ud83d',
    '\ude00',
  ]
  const atoms = [
    ...['a', 'B', '1', '_', '.', '😀', 'é', String.raw`\n`, String.raw`\ud83d`, String.raw`\u{1f600}`],
    ...['d', 'D', 'w', 'W', 's', 'S', 'p{L}', 'P{Lu}', 'p{ASCII}'].map((name) => `\\${name}`),
    ...['[a-z]', '[^a]', String.raw`[\s\d_]`, String.raw`[^\W1]`, '[😀é]', '[^]', '[]'],
  ]
  const { pattern } = fc.letrec<{ pattern: string; sequence: string; element: string }>((tie) => ({
    pattern: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|')),
    sequence: fc.array(tie('element'), { maxLength: 4 }).map((parts) => parts.join('')),
    element: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom('^', '$', String.raw`\b`, String.raw`\B`, ...atoms),
      fc
        .tuple(fc.constantFrom(...atoms), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}', '{0}', '*?'))
        .map((parts) => parts.join('')),
      tie('pattern').map((inner) => `(${inner})`),
      tie('pattern').map((inner) => `(?:${inner})*`),
    ),
  }))
  const text = fc.array(fc.constantFrom(...characters), { maxLength: 6 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 5 }), (pattern, texts) => {
      const own = linearPattern(pattern)
      const native = new RegExp(pattern, 'u')
      return texts.every((text) => own.test(text) === native.test(text))
    }),
    { numRuns: 500 },
  )
  t.pass('500 of them')
  t.end()
})
