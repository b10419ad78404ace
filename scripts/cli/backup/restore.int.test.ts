import { join } from 'node:path'

import t from 'tap'

import type { RestoreReport } from '../../../functions/backup/restore.ts'
import { streamNames } from '../../../functions/queues/names.ts'
import { edit } from '../../dev/dev.fixture.ts'
import { keyOf, newIds } from '../../testing/nats.fixture.ts'
import { testFolder } from '../../testing/test-folder.fixture.ts'
import { ORDER, REF, HELD, startShop, until, type Shop } from './shop.fixture.ts'

async function stateOf({ cli }: Shop, id: string): Promise<unknown> {
  return JSON.parse((await cli('get', keyOf(id), '-o', 'json')).stdout)
}

t.test('from one jobico dev to another', async (t) => {
  const folder = testFolder(t)
  const source = await startShop(t, join(folder, 'source'))
  const target = await startShop(t, join(folder, 'target'))
  const path = join(source.folder, 'shop.backup')
  await source.accept(ORDER, 'done', '{"do":"ok"}')
  await source.accept(ORDER, 'dead', '{"do":"reject"}')
  await source.accept(ORDER, 'later', '{"do":"retry"}')
  await until(async () => (await source.queued()) === 0 && (await source.records()) === 3)
  t.match(await source.cli('backup', '-o', path), { code: 0, stdout: /default +shop +0 +3\n/ })

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
    const isUnderway = until(async () => (await target.records()) > 1_000)
    await Promise.race([isUnderway, first.finished])
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
    for (const id of ['a', 'b', 'c']) await source.accept(HELD, id, payload)
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
