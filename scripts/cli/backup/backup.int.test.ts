import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import type { BackupReport } from '../../../functions/backup/backup.ts'
import { ensureQueues } from '../../../functions/queues/lifecycle.ts'
import type { QueuePlan } from '../../../functions/queues/stream-config.ts'
import { runProgram } from '../../testing/program.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { CLI, runCli } from '../cli.fixture.ts'
import { ORDER, REF, startShop, until } from './shop.fixture.ts'

/** A Job that was deleted, and left its queue. */
const OTHER: QueuePlan = {
  ref: { namespace: 'default', job: 'other' },
  queue: { storage: 'File', maxBytes: 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 },
  events: ['ev1'],
  metadata: {},
}

t.test('what the commands say of themselves', async (t) => {
  const folder = testFolder(t)
  const backup = await runCli(['backup', '--help'], folder)
  t.match(backup, { code: 0, stdout: /Usage: jobico backup \[options\] \[job\.\.\.\]/, stderr: '' })
  t.match(backup.stdout, /-o, --output <file> .*\n[^]*jobico backup -n shop -o shop\.backup/)
  const restore = await runCli(['restore', '--help'], folder)
  t.match(restore, { code: 0, stdout: /Usage: jobico restore \[options\] <file>/, stderr: '' })
  t.match(restore.stdout, /--dry-run .*\n[^]*jobico restore shop\.backup -n shop/)
  t.match(await runCli(['backup'], folder), { code: 1, stderr: /required option '-o, --output <file>'/ })
  t.match(await runCli(['restore'], folder), { code: 1, stderr: /missing required argument 'file'/ })
  writeFileSync(join(folder, 'some.backup'), 'x')
  for (const args of [
    ['backup', '-o', 'shop.backup'],
    ['restore', 'some.backup'],
  ])
    t.match(await runCli(args, folder), {
      code: 1,
      stderr: /error: no jobico dev runs in this folder or above it/,
    })
})

t.test('files of a jobico dev', async (t) => {
  const source = await startShop(t, testFolder(t))
  const path = join(source.folder, 'shop.backup')
  await source.accept(ORDER, 'done', '{"do":"ok"}')
  await until(async () => (await source.queued()) === 0 && (await source.records()) === 1)

  await t.test('a backup', async (t) => {
    const made = await source.cli('backup', '-o', 'shop.backup')
    t.match(made, {
      code: 0,
      stdout: /^NAMESPACE +JOB +QUEUED +RECORDS\ndefault +shop +0 +1\n0 modules, [\d.]+Ki\n$/,
      stderr: /^using jobico dev of .*\n$/,
    })
    t.equal(statSync(path).mode & 0o777, 0o600, 'nobody else may read it')
    const line = '"$0" "$1" backup shop -o - --json > piped.backup'
    const piped = await runProgram('bash', ['-c', line, process.execPath, CLI], { cwd: source.folder })
    const report = JSON.parse(/^\{.*\}$/m.exec(piped.stderr)?.[0] ?? '') as BackupReport
    t.match(report, { jobs: [{ ...REF, queued: 0, records: 1 }], modules: 0 })
    t.equal(statSync(join(source.folder, 'piped.backup')).size, report.bytes)

    const before = readFileSync(path)
    for (const [args, message] of [
      [['nowhere', '-o', 'shop.backup'], /there is no Job nowhere in jobico dev of .*, only shop; /],
      [['-o', 'no/such/folder'], /can't write no\/such\/folder\.part: .*; name another file with -o/],
      [['shop', '-A', '-o', 'shop.backup'], /several namespaces may have a Job of that name/],
      [['-A', '-n', 'x', '-o', 'shop.backup'], /'-A, --all-namespaces' cannot be used with option '-n/],
    ] as const)
      t.match(await source.cli('backup', ...args), { code: 1, stdout: '', stderr: message }, args.join(' '))
    t.same(readFileSync(path), before, 'an earlier backup stays')
  })

  await t.test('a file that is no backup, and a place without the Job', async (t) => {
    const file = (name: string, content: Uint8Array | string) => {
      writeFileSync(join(source.folder, name), content)
      return name
    }
    const whole = readFileSync(path)
    const half = file('half', whole)
    truncateSync(join(source.folder, half), Math.floor(whole.length / 2))
    const damaged = Buffer.from(whole)
    damaged[whole.length - 100] = 0
    for (const [name, message] of [
      ['missing', /can't read the backup: ENOENT.*missing/],
      ['assembly', /assembly is no file; a backup is read more than once, so save it to a file first/],
      [file('text', 'hello'), /can't restore text: the file is no backup of Jobico/],
      [half, /can't restore half: the file ends in the middle: .*copy it again, or make a new backup/],
      [file('damaged', damaged), /can't restore damaged: the file is damaged/],
      [
        file('newer', whole.toString('latin1').replace('BACKUP 1', 'BACKUP 9')),
        /can't restore newer: the backup has version 9 of the format, and this jobico reads version 1/,
      ],
    ] as const)
      t.match(await source.cli('restore', name), { code: 1, stdout: '', stderr: message }, name)
    await ensureQueues(source.connection, OTHER)
    t.match(await source.cli('backup', 'other', '-o', 'other.backup'), { code: 0 })
    t.match(await source.cli('restore', 'other.backup'), {
      code: 1,
      stderr:
        /error: jobico dev of .* has no Job other of the namespace default; start jobico dev with its file/,
    })
  })
})
