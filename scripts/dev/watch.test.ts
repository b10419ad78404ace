import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { watchFiles } from './watch.ts'

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
