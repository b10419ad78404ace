import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import t from 'tap'

import { ERROR_CODES } from './errors.ts'

t.test('the README explains each code, and no other', async (t) => {
  const readme = await readFile(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8')
  const chapter = /## Error codes\n(.*?)\n## /s.exec(readme)?.[1] ?? ''
  const explained = [...chapter.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map(([, code]) => code)
  t.same(explained.toSorted(), Object.keys(ERROR_CODES).toSorted())
})
