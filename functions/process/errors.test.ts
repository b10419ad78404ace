import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import t from 'tap'

import { ERROR_CODES } from './errors.ts'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'error-codes.md')

t.test('the page of error codes explains each code once, and no other', async (t) => {
  const page = await readFile(PAGE, 'utf8')
  const codes = Object.keys(ERROR_CODES).toSorted()
  const named = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map(([, code]) => code)
  t.same([...new Set(named)].toSorted(), codes)
  const explained = [...page.matchAll(/^\| `([A-Z_]+)` (?:\| [45]\d\d )?\| \S[^|]* \|[^|]*\|$/gm)].map(
    ([, code]) => code,
  )
  t.same(explained.toSorted(), codes, 'in a row with its meaning, and with its status if an answer has it')
})
