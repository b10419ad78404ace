import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager } from '@nats-io/jetstream'
import t, { type Test } from 'tap'

import type { BackupReport } from '../../../functions/backup/backup.ts'
import type { RestoreReport } from '../../../functions/backup/restore.ts'
import { connectNats } from '../../../functions/jetstream/connection.ts'
import { createRequests } from '../../../functions/jetstream/requests.ts'
import { streamNames } from '../../../functions/queues/names.ts'
import { edit, startDev } from '../../dev/echo.fixture.ts'
import type { RunningInstance } from '../../dev/instance.ts'
import { keyOf, newIds, writer } from '../../testing/nats.fixture.ts'
import { runProgram } from '../../testing/program.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { CLI, runCli, startCli, type RunningCli } from '../cli.fixture.ts'

const REF = { namespace: 'default', job: 'shop' }
const ORDER = { ...REF, event: 'order' }
const SLOW = { ...REF, event: 'slow' }
const FILES: Readonly<Record<string, string>> = {
  'job.yaml': `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: shop}
spec:
  queue: {maxBytes: 64Mi}
  events:
  - {name: order, wasm: order.wasm, schema: {key: any}}
  - {name: slow, wasm: slow.wasm, schema: {key: any}, timeoutSeconds: 3600, runner: {concurrency: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{"type":"object"}'}
`,
  'assembly/order.ts': `import { parseEvent, reject, retry } from 'jobico'

export function handle(text: string): string | null {
  const event = parseEvent(text)
  const says = event.data.string('do')
  if (says == 'reject') return reject('sold out')
  if (says == 'retry') return retry(3600, 'not yet')
  return event.dataText
}
`,
  // An event that runs stays in the queue until it has ended.
  'assembly/slow.ts': `export function handle(text: string): string | null {
  while (text.length > 0) {}
  return null
}
`,
}

/** A `jobico dev` with the Job, in a folder of its own. */
async function startShop(t: Test, folder: string) {
  mkdirSync(join(folder, 'assembly'), { recursive: true })
  for (const [path, content] of Object.entries(FILES)) writeFileSync(join(folder, path), content)
  const dev = startDev(t, folder)
  await dev.waitFor(/http:\S+\/listener\/order\n/)
  const instance = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as RunningInstance
  const connection = await connectNats({ url: instance.natsUrl, name: 'test' })
  const requests = createRequests(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
  })
  const manager = await jetstreamManager(connection)
  const { queue, events } = streamNames(REF)
  const messages = async (stream: string) => (await manager.streams.info(stream)).state.messages
  return {
    ...{ folder, manager, ...writer(requests) },
    cli: (...args: readonly string[]) => runCli(args, folder),
    start: (...args: readonly string[]): RunningCli => startCli(args, folder),
    queued: () => messages(queue),
    records: () => messages(events),
  }
}

type Shop = Awaited<ReturnType<typeof startShop>>

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}

async function stateOf({ cli }: Shop, id: string): Promise<unknown> {
  return JSON.parse((await cli('get', keyOf(id), '-o', 'json')).stdout)
}

async function send({ cli }: Shop, id: string, data: object): Promise<void> {
  const args = ['send', 'order', '--id', id, '--source', '/test', '--data', JSON.stringify(data)]
  // A machine under load may answer 503 first.
  await until(async () => (await cli(...args)).code === 0)
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

t.test('from one jobico dev to another', async (t) => {
  const folder = testFolder(t)
  const source = await startShop(t, join(folder, 'source'))
  const target = await startShop(t, join(folder, 'target'))
  const path = join(source.folder, 'shop.backup')
  await send(source, 'done', { do: 'ok' })
  await send(source, 'dead', { do: 'reject' })
  await send(source, 'later', { do: 'retry' })
  await until(async () => (await source.queued()) === 0 && (await source.records()) === 3)

  await t.test('a backup', async (t) => {
    const made = await source.cli('backup', '-o', 'shop.backup')
    t.match(made, {
      code: 0,
      stdout: /^NAMESPACE +JOB +QUEUED +RECORDS\ndefault +shop +0 +3\n0 modules, [\d.]+Ki\n$/,
      stderr: /^using jobico dev of .*\n$/,
    })
    t.equal(statSync(path).mode & 0o777, 0o600, 'nobody else may read it')
    const line = '"$0" "$1" backup shop -o - --json > piped.backup'
    const piped = await runProgram('bash', ['-c', line, process.execPath, CLI], { cwd: source.folder })
    const report = JSON.parse(/^\{.*\}$/m.exec(piped.stderr)?.[0] ?? '') as BackupReport
    t.match(report, { jobs: [{ ...REF, queued: 0, records: 3 }], modules: 0 })
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
    edit(join(source.folder, 'job.yaml'), 'name: shop', 'name: store')
    await until(async () => (await source.cli('status', 'store')).code === 0)
    t.match(await source.cli('restore', 'shop.backup'), {
      code: 1,
      stderr:
        /error: jobico dev of .* has no Job shop of the namespace default; start jobico dev with its file/,
    })
    edit(join(source.folder, 'job.yaml'), 'name: store', 'name: shop')
    await until(async () => (await source.cli('status', 'shop')).code === 0)
  })

  await t.test('a restore', async (t) => {
    const dry = await target.cli('restore', path, '--dry-run')
    t.match(dry, {
      code: 0,
      stdout:
        /^NAMESPACE +JOB +WHAT +WOULD STORE +KNOWN +EXPIRED\n.* queue +0 +0 +0\n.* records +3 +0 +0\nmodules: 0 would be stored, 0 known\n$/,
    })
    t.equal(await target.records(), 0, 'a dry run stores nothing')
    t.match(await target.cli('restore', path), { code: 0, stdout: / STORED [^]* records +3 +0 +0\n/ })
    t.match(await target.cli('restore', path), { code: 0, stdout: / records +0 +3 +0\n/ }, 'once more')
    t.match(await stateOf(target, 'done'), { state: 'done', result: { data: { do: 'ok' } } })
    t.match(await stateOf(target, 'dead'), { state: 'dead', error: { code: 'REJECTED', reason: 'sold out' } })
    t.match(await stateOf(target, 'later'), { state: 'pending', attempts: 1, error: { reason: 'not yet' } })
  })

  await t.test('it is interrupted, and goes on', async (t) => {
    const letters = 20_000
    await source.deadLetterMany(ORDER, newIds(letters))
    t.match(await source.cli('backup', '-o', 'many.backup'), { code: 0, stdout: / 20003\n/ })
    const many = join(source.folder, 'many.backup')
    const first = target.start('restore', many)
    await until(async () => (await target.records()) > 1_000)
    first.signal('SIGINT')
    t.match(await first.finished, {
      ...{ code: 1, stdout: '' },
      stderr:
        /error: not all was restored: it was interrupted; run the same command again to restore the rest\n$/,
    })
    const there = await target.records()
    t.ok(there < letters, `${there} are there`)
    const { stdout } = await target.cli('restore', many, '--json')
    const { jobs } = JSON.parse(stdout) as RestoreReport
    const { stored = 0, known = 0 } = jobs[0]?.records ?? {}
    t.ok(stored > 0 && known >= there, `${stored} stored, ${known} known`)
    t.equal(stored + known, letters + 3)
    t.equal(await target.records(), letters + 3)
  })

  await t.test('the queue has no room for it until it has', async (t) => {
    const payload = JSON.stringify({ more: 'x'.repeat(400_000) })
    for (const id of ['a', 'b', 'c']) await source.accept(SLOW, id, payload)
    t.match(await source.cli('backup', '-o', 'large.backup'), { code: 0, stdout: /default +shop +3 / })
    const large = join(source.folder, 'large.backup')
    const maxBytes = async () => (await target.manager.streams.info(streamNames(REF).queue)).config.max_bytes
    edit(join(target.folder, 'job.yaml'), 'maxBytes: 64Mi', 'maxBytes: 1Mi')
    await until(async () => (await maxBytes()) === 2 ** 20)
    const first = target.start('restore', large)
    await first.waitFor(
      /waiting: NATS has no room for the events of the Job shop .*; raise its `spec\.queue\.maxBytes`/,
      'stderr',
    )
    first.signal('SIGINT')
    t.match(await first.finished, { code: 1, stderr: /not all was restored: it was interrupted/ })
    const second = target.start('restore', large)
    await second.waitFor(/waiting: /, 'stderr')
    edit(join(target.folder, 'job.yaml'), 'maxBytes: 1Mi', 'maxBytes: 64Mi')
    t.match(await second.finished, { code: 0, stdout: / queue +1 +2 +0\n/ }, 'it goes on by itself')
    t.equal(await target.queued(), 3)
  })
})
