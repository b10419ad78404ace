import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import t from 'tap'

import { isOwn, userCache, userSecret } from './user-cache.ts'

const modeOf = (path: string) => statSync(path).mode & 0o777

t.test('the folder is for this user only', (t) => {
  const base = t.testdir({ wide: { jobico: {} }, elsewhere: {}, linked: {}, file: { jobico: '' } })
  chmodSync(join(base, 'wide/jobico'), 0o777)
  symlinkSync('../elsewhere', join(base, 'linked/jobico'))
  for (const [name, expected] of [
    ['not-there/yet', 'not-there/yet/jobico'],
    ['wide', 'wide/jobico'],
    ['linked', 'linked/jobico'],
  ] as const) {
    const folder = userCache({ XDG_CACHE_HOME: join(base, name) })
    t.equal(folder, join(base, expected))
    t.equal(modeOf(folder), 0o700, name)
  }
  const inner = userCache({ XDG_CACHE_HOME: join(base, 'wide') }, 'a', 'b')
  t.equal(inner, join(base, 'wide/jobico/a/b'))
  t.equal(modeOf(join(inner, '..')), 0o700)
  t.throws(() => userCache({ XDG_CACHE_HOME: join(base, 'file') }), {
    message: /can not be made.*XDG_CACHE_HOME/,
  })
  t.end()
})

t.test('a relative XDG_CACHE_HOME is none: it would be in a project', (t) => {
  t.equal(userCache({ XDG_CACHE_HOME: 'cache' }), join(homedir(), '.cache/jobico'))
  t.end()
})

t.test('a folder or link of another user is refused', (t) => {
  const base = t.testdir({})
  const { getuid } = process
  const owner = getuid?.() ?? 0
  userCache({ XDG_CACHE_HOME: base })
  process.getuid = () => owner + 1
  t.teardown(() => void (process.getuid = getuid as () => number))
  t.throws(() => userCache({ XDG_CACHE_HOME: base }), { message: /belongs to another user.*XDG_CACHE_HOME/ })
  t.throws(() => userSecret({ XDG_CACHE_HOME: base }, 'key'), { message: /belongs to another user/ })
  t.notOk(isOwn(lstatSync(base)))
  t.end()
})

t.test('a key is made once, and only this user can read it', (t) => {
  const environment = { XDG_CACHE_HOME: t.testdir({}) }
  const first = userSecret(environment, 'key')
  t.equal(first.length, 32)
  t.same(userSecret(environment, 'key'), first)
  t.notSame(userSecret(environment, 'other'), first)
  const file = join(environment.XDG_CACHE_HOME, 'jobico/key')
  t.equal(modeOf(file), 0o600)
  t.same(readFileSync(file), first)
  writeFileSync(file, 'short')
  t.throws(() => userSecret(environment, 'key'), { message: /no key of Jobico; remove it/ })
  mkdirSync(join(environment.XDG_CACHE_HOME, 'jobico/folder'))
  t.throws(() => userSecret(environment, 'folder'))
  t.end()
})
