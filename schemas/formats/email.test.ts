import t from 'tap'

import { isEmail } from './email.ts'

t.test('a mailbox of RFC 5321', (t) => {
  const cases: readonly (readonly [text: string, isOne: boolean])[] = [
    ['joe.bloggs@example.com', true],
    ['a+b@sub.example.museum', true],
    ['"joe bloggs"@example.com', true],
    ['"joe..b@c"@example.com', true],
    [String.raw`"a\"b"@example.com`, true],
    ['joe@[127.0.0.1]', true],
    ['joe@[IPv6:::1]', true],
    ['"j b"@[127.0.0.1]', true],
    ['joe@[127.0.0.300]', false],
    ['joe@[IPv6:1]', false],
    ['joe@[::1]', false],
    ['"joe"bloggs"@example.com', false],
    ['"joe@example.com', false],
    ['joe..bloggs@example.com', false],
    ['.joe@example.com', false],
    ['joe@', false],
    ['@example.com', false],
    ['', false],
  ]
  for (const [text, isOne] of cases) t.equal(isEmail(text), isOne, text)
  t.end()
})
