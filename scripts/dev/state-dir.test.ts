import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { openStateDir, stateDir, stateDirFault } from './state-dir.ts'

const modeOf = (path: string) => statSync(path).mode & 0o777

t.test('it is made for this user only, also where an older one was open', (t) => {
  const folder = t.testdir({ older: { '.jobico': { nats: { file: '' } } } })
  t.equal(modeOf(openStateDir(folder)), 0o700)
  t.equal(openStateDir(folder), join(folder, '.jobico'), 'and again')
  const older = join(folder, 'older')
  chmodSync(stateDir(older), 0o755)
  t.equal(stateDirFault(older), undefined)
  t.equal(modeOf(openStateDir(older)), 0o700)
  t.end()
})

t.test('what may come with a folder of somebody else is refused', (t) => {
  for (const [name, make, message] of [
    ['a link', (path) => symlinkSync('../elsewhere', path), /\.jobico is a symbolic link/],
    ['a link to nowhere', (path) => symlinkSync('../gone', path), /\.jobico is a symbolic link/],
    ['a file', (path) => writeFileSync(path, ''), /\.jobico is no folder/],
  ] as readonly (readonly [string, (path: string) => void, RegExp])[])
    t.test(name, (t) => {
      const folder = t.testdir({ elsewhere: {} })
      mkdirSync(join(folder, 'project'))
      make(stateDir(join(folder, 'project')))
      t.throws(() => openStateDir(join(folder, 'project')), { message })
      t.match(stateDirFault(join(folder, 'project')), message)
      t.end()
    })
  for (const path of ['tsconfig.json', 'dev.json', 'dev.lock', 'nats', 'nats/nats.conf', 'nats/a/b/c/1.blk'])
    t.test(`a link in it: ${path}`, (t) => {
      const folder = t.testdir({ elsewhere: 'precious' })
      mkdirSync(join(stateDir(folder), path, '..'), { recursive: true })
      symlinkSync(join(folder, 'elsewhere'), join(stateDir(folder), path))
      t.throws(() => openStateDir(folder), {
        message: RegExp(`\\.jobico/${path} is a symbolic link, .*; see what it is, and remove it`),
      })
      t.end()
    })
  t.test('a folder of another user', (t) => {
    const folder = t.testdir({ '.jobico': {} })
    const { getuid } = process
    process.getuid = () => (getuid?.() ?? 0) + 1
    t.teardown(() => void (process.getuid = getuid as () => number))
    t.throws(() => openStateDir(folder), { message: /belongs to another user/ })
    t.match(stateDirFault(folder), /belongs to another user/)
    t.end()
  })
  t.end()
})
