import fc from 'fast-check'
import t from 'tap'

import { percentDecode, percentEncode } from './percent-encoding.ts'

t.test('encodes as the bindings of CloudEvents say', (t) => {
  const cases: readonly [text: string, want: string][] = [
    ['', ''],
    ['abc', 'abc'],
    ["!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"],
    ['Euro € 😀', 'Euro%20%E2%82%AC%20%F0%9F%98%80'],
    ['"100%"', '%22100%25%22'],
    ['\u007f\n', '%7F%0A'],
  ]
  for (const [text, want] of cases) t.equal(percentEncode(text), want, JSON.stringify(text))
  t.end()
})

t.test('decodes', (t) => {
  const cases: readonly [value: string, want: string | undefined][] = [
    ['', ''],
    ['a+b', 'a+b'],
    ['%41%e2%82%ac', 'A€'],
    ['%2525', '%25'],
    ['é%20', 'é '],
    ['%', undefined],
    ['a%4', undefined],
    ['%4g', undefined],
    ['%%41', undefined],
    ['%ff', undefined],
    ['%C0%A0', undefined],
    ['%ED%A0%80', undefined],
    ['%E2%82', undefined],
  ]
  for (const [value, want] of cases) t.equal(percentDecode(value), want, value)
  t.end()
})

t.test('gives back any text', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = percentEncode(text)
      return /^[\x21-\x7e]*$/.test(encoded) && percentDecode(encoded) === text
    }),
  )
  t.end()
})
