import t from 'tap'

import { codeBlocks } from './markdown.fixture.ts'
import { applyDiff, findShown, readConsole } from './shown-output.fixture.ts'

t.test('the blocks of a page', (t) => {
  const page = `# One\n\n\`\`\`sh\nnpm ci\n\`\`\`\n\n## Two\n\nWrite\n\`a/b.ts\`:\n\n\`\`\`ts\nlet x\n\`\`\`\n`
  t.same(codeBlocks(page), [
    { language: 'sh', file: undefined, heading: 'One', text: 'npm ci\n', line: 4 },
    { language: 'ts', file: 'a/b.ts', heading: 'Two', text: 'let x\n', line: 13 },
  ])
  t.throws(() => codeBlocks('text\n\n```\nnever ends\n'), /the block of line 3 has no end/)
  t.end()
})

t.test('commands and what is shown below them', (t) => {
  t.same(readConsole('reloaded\n$ a \\\n  b\nout\n$ c   # why\n'), {
    before: ['reloaded'],
    commands: [
      { command: 'a \\\n  b', output: ['out'] },
      { command: 'c   # why', output: [] },
    ],
  })
  t.end()
})

t.test('shown lines are found in order, others may come between', (t) => {
  const printed = 'using dev\nid 12 done (x)\nnext\n'
  const cases: { shown: string[]; output?: string; want: object }[] = [
    { shown: ['id … done (x)'], want: { taken: 24 } },
    { shown: ['using dev', 'next'], want: { taken: 29 } },
    { shown: ['a  b  …  c'], output: 'a       b  x   c', want: { taken: 16 } },
    { shown: ['a  b'], output: 'a b', want: { missing: 'a  b' } },
    { shown: ['next', 'using dev'], want: { missing: 'using dev' } },
    { shown: ['id 12 done .x.'], want: { missing: 'id 12 done .x.' } },
    { shown: ['done (x)'], want: { missing: 'done (x)' } },
    { shown: [], want: { taken: 0 } },
  ]
  for (const { shown, output = printed, want } of cases)
    t.same(findShown(shown, output), want, shown.join('; '))
  t.end()
})

t.test('a diff changes the one place that it names', (t) => {
  const text = 'a\nb\nc\nb\n'
  t.equal(applyDiff(text, ' a\n-b\n+B\n'), 'a\nB\nc\nb\n')
  t.equal(applyDiff(text, ' c\n+d\n'), 'a\nb\nc\nd\nb\n')
  t.throws(() => applyDiff(text, '-b\n+B\n'), /found 2 times/)
  t.throws(() => applyDiff(text, '-x\n'), /found 0 times/)
  t.end()
})
