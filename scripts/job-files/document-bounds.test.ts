import t from 'tap'

import { readDocuments } from './documents.ts'

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n')

const TOO_MANY_ALIASES = /more than 1,000 anchors \(&\) and aliases \(\*\); write the values out/
const TOO_MANY_VALUES = /aliases \(\*\) stand for more than 200,000 values; write the values out/
const TOO_DEEP = /^is nested too deeply; name a YAML file/
const TOO_LONG = /more than 500,000 words and signs of YAML/

// Without bounds most of them take minutes to hours, or all memory.
const BOMBS: Readonly<Record<string, { readonly text: string; readonly message: RegExp }>> = {
  'aliases of aliases': {
    text: `a0: &a0 [x, x, x, x, x, x, x, x]\n${lines(9, (i) => `a${i + 1}: &a${i + 1} [${Array(8).fill(`*a${i}`).join(',')}]`)}`,
    message: TOO_MANY_VALUES,
  },
  'merges of merges': {
    text: `a0: &a0 {k: 1}\n${lines(30, (i) => `a${i + 1}: &a${i + 1}\n  <<: [*a${i}, *a${i}]\n  n${i}: 1`)}`,
    message: TOO_MANY_VALUES,
  },
  'one large value many times': {
    text: `a: &a [${Array(1_000).fill('x').join(',')}]\nb: [${Array(300).fill('*a').join(',')}]`,
    message: TOO_MANY_VALUES,
  },
  'many anchors, few aliases': {
    text: `${lines(20_000, (i) => `k${i}: &a${i} 1`)}\n${lines(90, (i) => `z${i}: *a${i}`)}`,
    message: TOO_MANY_ALIASES,
  },
  'many aliases': { text: `a: &a []\n${lines(2_000, (i) => `z${i}: *a`)}`, message: TOO_MANY_ALIASES },
  'an alias in what it stands for': { text: 'a: &a [*a]', message: TOO_MANY_VALUES },
  'deep in flow style': { text: '['.repeat(20_000), message: TOO_DEEP },
  'deep in block style': { text: lines(3_000, (i) => `${' '.repeat(i)}a:`), message: TOO_DEEP },
  'many documents': { text: '---\na: 1\n'.repeat(100_000), message: TOO_LONG },
  'many comments': { text: '# x\n'.repeat(300_000), message: TOO_LONG },
  'a wide mapping with a key twice': {
    text: `${lines(50_000, (i) => `k${i}: 1`)}\nk7: 2`,
    message: /^this field is there twice/,
  },
}

for (const [name, { text, message }] of Object.entries(BOMBS))
  t.test(name, (t) => {
    const { documents, faults } = readDocuments('bomb.yaml', text)
    t.same(documents, [])
    t.match(faults, [{ file: 'bomb.yaml', message }])
    t.equal(faults.length, 1)
    t.end()
  })

t.test('what is far below the bounds is read', (t) => {
  const wide = lines(20_000, (i) => `k${i}: 1`)
  const shared = `base: &base {a: 1, b: 2}\n${lines(400, (i) => `m${i}: {<<: *base, b: ${i}}`)}`
  const repeated = 'one: &a 1\ntwo: &a 2\nthree: *a'
  const long = `text: |\n${'  a line\n'.repeat(200_000)}`
  const { documents, faults } = readDocuments('good.yaml', [wide, shared, repeated, long].join('\n---\n'))
  t.same(faults, [])
  const [first, second, third] = documents.map(({ value }) => value as Record<string, unknown>)
  t.equal(Object.keys(first ?? {}).length, 20_000)
  t.same(second?.['m399'], { a: 1, b: 399 })
  t.match(third, { three: 2 })
  t.equal(documents.length, 4)
  t.end()
})

t.test('a key that is there twice is told with its line, in any mapping, but a merge may be', (t) => {
  const faultOf = (text: string) => readDocuments('a.yaml', text).faults
  t.match(faultOf('a: 1\nb:\n  - {x: 1}\n  - c: 1\n    d: 1\n    c: 2\n'), [
    { line: 6, column: 5, message: /there twice/ },
  ])
  t.match(faultOf('{a: 1, b: 2, "a": 3}'), [{ line: 1, column: 14 }])
  t.same(faultOf('a: &a {x: 1}\nb: &b {y: 1}\nc:\n  <<: *a\n  <<: *b\n'), [])
  t.end()
})

t.test('a file with very many faults tells where each is', (t) => {
  const { documents } = readDocuments(
    'a.yaml',
    lines(20_000, (i) => `k${i}: 1`),
  )
  for (let index = 0; index < 20_000; index++)
    if (documents[0]?.fault([`k${index}`], '').line !== index + 1) t.fail(`the line of k${index}`)
  t.equal(documents[0]?.fault(['k19999', 'x'], '').line, 20_000)
  t.end()
})
