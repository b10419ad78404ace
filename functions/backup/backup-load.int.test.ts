import { mkdtemp, readFile, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { eventState } from '../outcomes/event-state.ts'
import { readRelations } from '../outcomes/relations.ts'
import { newEvent, startFixture, until } from '../runner/runner.fixture.ts'
import { backUp, restoreFrom, startOther } from './backup.fixture.ts'
import { checkBackup } from './backup-file.ts'

const source = await startFixture(t)
const target = await startOther(t)

t.test('a backup of a Job under load misses nothing', { timeout: 120_000 }, async (t) => {
  const ref = await source.newJob(['ev1', 'ev2', 'ev3'])
  await source.startHere(t, ref)
  await source.startHere(t, { ...ref, event: 'ev2' })
  const accepted = new Map<string, string>()
  let stopping = false
  const send = async () => {
    for (let at = 0; !stopping; at++) {
      const doing = ['emit', 'ok', 'retry', 'reject'][at % 4] ?? 'ok'
      accepted.set(await source.accept(ref, newEvent({ do: doing })), doing)
      await delay(3)
    }
  }
  const sending = send()
  for (let pass = 0; pass < 4; pass++) {
    const least = 60 * (pass + 1)
    await until(() => Promise.resolve(accepted.size >= least))
    const before = [...accepted]
    const { path } = await backUp(t, source.requests.connection, [ref])
    await restoreFrom(path, target.connection)
    const missing: string[] = []
    await Promise.all(
      before.map(async ([key, doing]) => {
        const { state } = await eventState(target.requests, ref, key)
        if (state === 'unknown') missing.push(key)
        if (doing === 'emit' && state === 'done') missing.push(...(await missingEffects(key)))
      }),
    )
    t.same(missing, [], `${before.length} events`)
    for (const stream of await target.manager.streams.names().next())
      await target.manager.streams.delete(stream)
  }
  stopping = true
  await sending

  async function missingEffects(key: string): Promise<readonly string[]> {
    const state = await eventState(target.requests, ref, key)
    if (state.state !== 'done') return []
    const { effects } = await readRelations(target.requests, ref, key, state)
    const unknown = effects.filter((effect) => effect.state === 'unknown')
    return effects.length === 3 ? unknown.map((effect) => `${effect.event} of ${key}`) : [`effects of ${key}`]
  }
})

t.test('files that are not whole', async (t) => {
  const ref = await source.newJob(['ev1'])
  for (let at = 0; at < 20; at++) await source.accept(ref, newEvent({ do: 'ok' }))
  const { path } = await backUp(t, source.requests.connection, [ref])
  const whole = await readFile(path)
  const flipped = (at: number) => whole.map((byte, index) => (index === at ? byte ^ 1 : byte))
  const half = Math.floor(whole.length / 2)
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['empty', Buffer.alloc(0), /no backup of Jobico/],
    ['something else', Buffer.from('hello'), /no backup of Jobico/],
    ['a part of the first line', whole.subarray(0, 8), /ends in the middle/],
    ['the first line', whole.subarray(0, 16), /ends in the middle/],
    ['a half', whole.subarray(0, half), /ends in the middle/],
    ['all but a byte', whole.subarray(0, -1), /ends in the middle/],
    [
      'another version',
      Buffer.from(whole.toString('latin1').replace('BACKUP 1', 'BACKUP 2'), 'latin1'),
      /version 2/,
    ],
    ['a byte is wrong', flipped(half), /damaged|in the middle/],
    ['the last byte is wrong', flipped(whole.length - 1), /damaged/],
    ['more behind it', Buffer.concat([whole, whole.subarray(16)]), /ends after \d+ bytes, but the file has/],
    ['a byte behind it', Buffer.concat([whole, Buffer.from('\n')]), /ends after \d+ bytes, but the file has/],
  ]
  const folder = await mkdtemp(join(testFolder(t), 'files-'))
  for (const [name, bytes, message] of cases) {
    const copy = join(folder, 'copy')
    await writeFile(copy, bytes)
    const file = await open(copy)
    await t.rejects(checkBackup(file), { message }, name)
    await file.close()
  }
})
