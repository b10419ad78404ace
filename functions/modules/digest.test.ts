import t from 'tap'

import { digestOf, isDigest } from './digest.ts'

t.test('digests', (t) => {
  const empty = 'sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  t.equal(digestOf(''), empty)
  t.equal(digestOf('é'), digestOf(new TextEncoder().encode('é')))
  t.ok(isDigest(empty))
  for (const no of [
    '',
    'sha256-',
    empty.slice(0, -1),
    `${empty}0`,
    empty.toUpperCase(),
    `${empty}\n`,
    'echo.wasm',
  ])
    t.notOk(isDigest(no), no)
  t.end()
})
