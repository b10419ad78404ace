import t from 'tap'

import { admitJob } from '../../../crds/admission.ts'
import { fromWat, handle, RUNTIME } from '../../../functions/guests/test-modules.ts'
import { digestOf } from '../../../functions/modules/digest.ts'
import { sendingLine } from '../target/modules.ts'
import { checkFiles, faultsOf, isGood } from './files.ts'
import { checkedForPrograms, checkedLines, pushedForPrograms, pushedTable } from './view.ts'

const good = fromWat(
  '(import "env" "abort" (func (param i32 i32 i32 i32)))',
  RUNTIME,
  handle('(i32.const 32)'),
)
/** It starts with 6.25 MiB. */
const large = fromWat(RUNTIME.replace('1)', '100)'), handle('(i32.const 32)'))
const folder = t.testdir({
  'ev1.wasm': Buffer.from(good),
  'ev2.wasm': Buffer.from(large),
  'no name.wasm': Buffer.from(good),
  'none.wasm': Buffer.from(fromWat(RUNTIME)),
  sub: { 'ev1.wasm': Buffer.from(good) },
})
process.chdir(folder)

/** A Job with an event for each memory, all of which run ev2.wasm. */
function jobOf(...memories: readonly string[]) {
  const events = memories.map((memory, index) => ({
    ...{ name: `ev${index}`, wasm: 'ev2.wasm', schema: { key: 's' }, memory },
  }))
  const metadata = { name: 'shop', namespace: 'default' }
  const admission = admitJob({ apiVersion: 'jobico.coeux.dev/v1', kind: 'Job', metadata, spec: { events } })
  if ('faults' in admission) throw new Error('the Job of the test is wrong')
  return admission.job
}

const cases: readonly {
  readonly name: string
  readonly files: readonly string[]
  readonly memories?: readonly string[]
  readonly faults: readonly RegExp[]
}[] = [
  { name: 'good ones', files: ['ev1.wasm', 'ev2.wasm'], faults: [] },
  { name: 'one that is named twice', files: ['ev1.wasm', './ev1.wasm', 'sub/../ev1.wasm'], faults: [] },
  {
    name: 'two of one name',
    files: ['ev1.wasm', 'sub/ev1.wasm'],
    faults: [/^sub\/ev1\.wasm and ev1\.wasm would both be the module ev1\.wasm; push only one/],
  },
  {
    name: 'all faults of all files',
    files: ['none.wasm', 'gone.wasm', 'ev1.wasm', 'no name.wasm'],
    faults: [
      /^none\.wasm can't be run: it has no known entry/,
      /^gone\.wasm can not be read \(ENOENT.*\); name the file of a module/,
      /^"no name\.wasm" can't be the name of a module: use at most 253/,
    ],
  },
  { name: 'events with enough memory', files: ['ev2.wasm'], memories: ['64Mi', '7Mi'], faults: [] },
  {
    name: 'the event that has least',
    files: ['ev2.wasm'],
    memories: ['64Mi', '2Mi', '4Mi'],
    faults: [/its cap is 2 MiB: raise `memory`.* \(shop\/ev1 runs it with 2Mi of memory\)$/],
  },
]

for (const { name, files, memories = [], faults } of cases) {
  t.test(name, async (t) => {
    const checked = await checkFiles(files, memories.length === 0 ? [] : [jobOf(...memories)])
    const found = faultsOf(checked).map(({ message }) => message)
    t.equal(found.length, faults.length)
    for (const [index, fault] of faults.entries()) t.match(found[index], fault)
  })
}

t.test('what is found is shown', async (t) => {
  const checked = await checkFiles(['ev1.wasm', 'none.wasm', 'ev2.wasm'], [jobOf('8Mi')])
  const digest = digestOf(good)
  t.same(checkedLines(checked.filter(isGood)), [
    'MODULE   ev1.wasm',
    'ABI      assemblyscript',
    `BYTES    ${good.length}`,
    `DIGEST   ${digest}`,
    'MEMORY   64Ki at first, at most 64Mi',
    'IMPORTS  env.abort: (i32, i32, i32, i32) -> nothing',
    'USED BY  no Job that is known',
    '',
    'MODULE   ev2.wasm',
    'ABI      assemblyscript',
    `BYTES    ${large.length}`,
    `DIGEST   ${digestOf(large)}`,
    'MEMORY   6.3Mi at first, at most 8Mi',
    'IMPORTS  none',
    'USED BY  shop/ev0',
  ])
  const [first, second] = checked.map(checkedForPrograms)
  t.same(first, {
    ...{ file: 'ev1.wasm', name: 'ev1.wasm', ok: true, abi: 'assemblyscript', digest, size: good.length },
    memory: { initialBytes: 65_536, capBytes: 67_108_864 },
    imports: [{ module: 'env', name: 'abort', type: '(i32, i32, i32, i32) -> nothing' }],
    usedBy: [],
  })
  t.match(second, { file: 'none.wasm', ok: false, fault: /no known entry/ })
})

t.test('what was pushed is shown', (t) => {
  const stored = { version: 'x', modified: '2026-01-01T00:00:00Z', unusedSince: undefined }
  const usedBy = [{ job: 'shop', event: 'ev1', memory: '64Mi' }]
  const pushed = [
    { ...stored, name: 'a.wasm', digest: 'sha256-a', size: 1, sent: true, usedBy },
    { ...stored, name: 'b.wasm', digest: 'sha256-b', size: 2, sent: false, usedBy: [] },
  ]
  t.same(pushedTable(pushed).slice(1), [
    ['a.wasm', 'sha256-a', '1', 'sent', 'shop/ev1'],
    ['b.wasm', 'sha256-b', '2', 'unchanged', 'no Job'],
  ])
  t.same(pushed.map(pushedForPrograms)[0], {
    ...{ name: 'a.wasm', digest: 'sha256-a', size: 1, sent: true },
    usedBy: [{ job: 'shop', event: 'ev1' }],
  })
  t.equal(sendingLine('a.wasm', 2 ** 20, 3 * 2 ** 20), 'sending a.wasm: 1Mi of 3Mi, 33 %')
  t.end()
})
