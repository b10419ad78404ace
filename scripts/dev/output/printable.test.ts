import t from 'tap'

import { printable, printableJson, printableLines } from './printable.ts'

const ESCAPE = '\u001b'
/** What acts on a terminal or turns text around, each after an `a` and before a `b`. */
const HOSTILE: Readonly<Record<string, string>> = {
  'clears the screen': `${ESCAPE}[2J`,
  'sets the title': `${ESCAPE}]0;title\u0007`,
  'writes to the clipboard': `${ESCAPE}]52;c;cm0=\u0007`,
  'a link to elsewhere': `${ESCAPE}]8;;https://evil.example${ESCAPE}\\`,
  'hides what follows': `${ESCAPE}[8m`,
  'an escape of eight bits': '\u009b2J',
  'a device control string of eight bits': '\u0090q\u009c',
  'writes over the line': '\r',
  'goes back': '\b\b',
  delete: '\u007f',
  'a bidi override': '\u202e',
  'a bidi isolate': '\u2067',
  'an Arabic letter mark': '\u061c',
  'a right-to-left mark': '\u200f',
  'a line separator': '\u2028',
  'the zero byte': '\0',
}
const ACTS = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

for (const [name, text] of Object.entries(HOSTILE))
  t.test(name, (t) => {
    const whole = `a${text}b`
    for (const shown of [printable(whole), printableLines(whole, true), printableLines(whole, false)]) {
      t.notMatch(shown, ACTS)
      t.match(shown, /^a .*b$/)
    }
    const json = JSON.stringify({ [whole]: whole })
    t.notMatch(printableJson(json), ACTS)
    t.same(JSON.parse(printableJson(json)), JSON.parse(json), 'a program reads the same')
    t.end()
  })

t.test('what is only text stays', (t) => {
  const text = 'שלום, नमस्ते, 👩‍👩‍👧, naïve'
  t.equal(printable(text), text)
  t.equal(printableLines(`${text}\n\tmore`, true), `${text}\n\tmore`)
  t.equal(printableJson(JSON.stringify({ text })), JSON.stringify({ text }))
  t.equal(printableJson('{\n\t"a": 1\n}'), '{\n\t"a": 1\n}')
  t.equal(printable('one\ntwo\r\n'), 'one two')
  t.equal(printableLines('one\r\ntwo', false), 'one\ntwo')
  t.end()
})

t.test('colours stay only where the terminal has them', (t) => {
  const red = `${ESCAPE}[31mred${ESCAPE}[39m`
  t.equal(printableLines(red, true), red)
  t.equal(printableLines(red, false), ' [31mred [39m')
  t.equal(printable(red), ' [31mred [39m')
  t.end()
})
