import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { runProgram } from './testing/program.ts'

const ROOT = join(import.meta.dirname, '..')
const SCHEMA = 'crds/job.schema.json'
/** The folders that hold what is generated, what it is made from, and what makes it. */
const FOLDERS = ['crds', 'docs', 'functions', 'knative', 'operator', 'schemas', 'scripts']

t.test('npm run generate', async (t) => {
  const folder = t.testdir({})
  for (const name of [...FOLDERS, 'package.json', '.prettierrc.json'])
    cpSync(join(ROOT, name), join(folder, name), {
      recursive: true,
      filter: (path) => !/\/(build|node_modules)$/.test(path),
    })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const generate = (...args: string[]) =>
    runProgram('node', [join(folder, 'scripts', 'generate.ts'), ...args], { cwd: folder })
  const schema = join(folder, SCHEMA)
  const good = readFileSync(schema, 'utf8')
  writeFileSync(schema, '{')

  const cases = [
    { args: ['--help'], code: 0, stdout: /^npm run generate -- \[--check\]/, stderr: '' },
    { args: ['--chekc'], code: 1, stdout: '', stderr: /^error: Unknown option '--chekc'/ },
    {
      args: ['--check'],
      code: 1,
      stdout: '',
      stderr: /^crds\/job\.schema\.json is not what .+ makes of it: run "npm run generate"[^\n]*\n$/,
    },
  ]
  for (const { args, ...want } of cases) {
    t.match(await generate(...args), want, args.join(' '))
    t.equal(readFileSync(schema, 'utf8'), '{', 'nothing is written')
  }
  t.match(await generate(), { code: 0, stdout: '', stderr: '' })
  t.equal(readFileSync(schema, 'utf8'), good)
  t.match(await generate('--check'), { code: 0, stdout: '', stderr: '' })
})
