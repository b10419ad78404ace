import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { changedSince, watchFiles } from './watch.ts'

t.test('every save is seen, however it is made', async (t) => {
  const folder = t.testdir({ 'job.yaml': '0', assembly: { 'index.ts': '0' } })
  const file = join(folder, 'job.yaml')
  const source = join(folder, 'assembly', 'index.ts')
  let changes = 0
  const watch = watchFiles([file, join(folder, 'assembly')], () => changes++)
  t.teardown(() => {
    watch.close()
  })
  const replace = (path: string, text: string) => {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  const saves: [name: string, save: () => void][] = [
    ['written', () => writeFileSync(file, '1')],
    ['replaced', () => replace(file, '2')],
    ['replaced again', () => replace(file, '3')],
    ['removed', () => rmSync(file)],
    ['made again', () => writeFileSync(file, '4')],
    ['written after that', () => writeFileSync(file, '5')],
    ['in a folder', () => writeFileSync(source, '1')],
    ['replaced in a folder', () => replace(source, '2')],
    ['in a new folder', () => mkdirSync(join(folder, 'assembly', 'more'))],
    ['in that folder', () => writeFileSync(join(folder, 'assembly', 'more', 'a.ts'), '1')],
    ['the folder is removed', () => rmSync(join(folder, 'assembly'), { recursive: true })],
    ['the folder is made again', () => mkdirSync(join(folder, 'assembly'))],
    ['a file is made in it', () => writeFileSync(source, '3')],
    ['and written', () => writeFileSync(source, '4')],
  ]
  for (const [name, save] of saves) {
    const before = changes
    save()
    while (changes === before) await delay(5)
    t.pass(name)
  }
})

t.test('saves behind links are seen, and links that are made to lead elsewhere', async (t) => {
  const folder = t.testdir({
    away: { 'one.wasm': '0', 'two.wasm': '0', lib: { 'a.ts': '0' }, other: { 'b.ts': '0' } },
    project: { assembly: { 'index.ts': '0' } },
  })
  const away = (...path: string[]) => join(folder, 'away', ...path)
  const project = (...path: string[]) => join(folder, 'project', ...path)
  const relink = (target: string, path: string) => {
    symlinkSync(target, `${path}.new`)
    renameSync(`${path}.new`, path)
  }
  symlinkSync('../away/one.wasm', away('current'))
  symlinkSync(away('current'), project('app.wasm'))
  symlinkSync('../../away/lib', project('assembly', 'lib'))
  symlinkSync('project', join(folder, 'by-link'))
  let changes = 0
  const followed = [
    join(folder, 'by-link', 'app.wasm'),
    join(folder, 'by-link', 'assembly'),
    away('no', 'c.ts'),
  ]
  const watch = watchFiles(followed, () => changes++)
  t.teardown(() => {
    watch.close()
  })
  const saves: [name: string, save: () => void][] = [
    ['the end of a chain of links', () => writeFileSync(away('one.wasm'), '1')],
    ['replaced', () => renameSync(away('two.wasm'), away('one.wasm'))],
    ['and written', () => writeFileSync(away('one.wasm'), '2')],
    ['a link in the middle', () => relink('other/b.ts', away('current'))],
    ['where it leads now', () => writeFileSync(away('other', 'b.ts'), '1')],
    ['where it leads is removed', () => rmSync(away('other'), { recursive: true })],
    ['and made again', () => mkdirSync(away('other'))],
    ['with the file', () => writeFileSync(away('other', 'b.ts'), '2')],
    ['a file in a linked folder', () => writeFileSync(away('lib', 'a.ts'), '1')],
    ['a folder in it', () => mkdirSync(away('lib', 'deep'))],
    ['a file in that', () => writeFileSync(away('lib', 'deep', 'd.ts'), '1')],
    ['the linked folder moves', () => renameSync(away('lib'), away('lib2'))],
    ['the link follows', () => relink('../../away/lib2', project('assembly', 'lib'))],
    ['and its files are seen', () => writeFileSync(away('lib2', 'a.ts'), '2')],
    ['a folder that was missing', () => mkdirSync(away('no'))],
    ['and the file in it', () => writeFileSync(away('no', 'c.ts'), '1')],
    ['the project is another one', () => relink('away', join(folder, 'by-link'))],
  ]
  for (const [name, save] of saves) {
    const before = changes
    save()
    while (changes === before) await delay(5)
    t.pass(name)
  }
})

t.test('other files are none of its business', async (t) => {
  const folder = t.testdir({ 'job.yaml': '0', 'other.yaml': '0' })
  let changes = 0
  const watch = watchFiles([join(folder, 'job.yaml')], () => changes++)
  t.teardown(() => {
    watch.close()
  })
  writeFileSync(join(folder, 'other.yaml'), '1')
  watch.follow([join(folder, 'other.yaml')])
  writeFileSync(join(folder, 'job.yaml'), '1')
  writeFileSync(join(folder, 'other.yaml'), '2')
  while (changes === 0) await delay(5)
  t.equal(changes, 1)
  writeFileSync(join(folder, 'other.yaml'), '3')
  writeFileSync(join(folder, 'job.yaml'), '2')
  while (changes === 1) await delay(5)
  t.equal(changes, 2, 'a change of the other file would have been told before')
})

t.test('what changed since a time', (t) => {
  const folder = t.testdir({ file: '0' })
  const paths = [join(folder, 'file'), join(folder, 'missing')]
  t.ok(changedSince(paths, Date.now() - 60_000))
  t.notOk(changedSince(paths, Date.now() + 60_000))
  t.notOk(changedSince(paths.slice(1), 0))
  t.end()
})
