import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import t from 'tap'

import { runCli } from '../cli/cli.fixture.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { testFolder } from '../testing/test-folder.fixture.ts'
import { startDevCli } from './dev.fixture.ts'

const JOB = `
apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: app}
spec:
  queue: {maxBytes: 1Mi}
  events:
    - {name: app, wasm: app.wasm, schema: {key: any}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{}'}
`
const MODULE = `
import { reject } from 'jobico'
export function handle(text: string): string | null {
  if (text.includes('"bad"')) reject('it is bad')
  return null
}
`
const BULK = 'x'.repeat(100_000)
const DEAD = 11

t.test('when dead letters have used up their room, jobico dev says so, and a purge helps', async (t) => {
  const folder = testFolder(t)
  mkdirSync(join(folder, 'assembly'))
  writeFileSync(join(folder, 'job.yaml'), JOB)
  writeFileSync(join(folder, 'assembly', 'app.ts'), MODULE)
  const dev = startDevCli(t, folder)
  const [, url = ''] = await dev.waitFor(/ (http:\S+\/listener\/app)\n/)
  const send = async (data: object) => {
    const headers = { 'content-type': 'application/json', prefer: 'wait=1' }
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ data: [data] }) })
    return { status: answer.status, body: await answer.text() }
  }
  for (let sent = 0; sent < DEAD; sent++) await send({ is: 'bad', BULK })
  await send({ is: 'bad', BULK })
  const [, key = ''] = await dev.waitFor(
    /app +waits +(\w{26}): it would become a dead letter, .* redrive or purge dead letters, or raise/,
  )
  t.match(
    (await runCli(['status'], folder)).stdout,
    /app +False[^]*QueueReady is False: DeadLettersFull\n +the dead letters take .* of 1Mi; .* redrive or purge/,
  )
  t.match(await send({ is: 'good' }), { status: 204 }, 'events that succeed go on')
  t.match((await runCli(['dead', 'purge', 'app', '--all', '--yes'], folder)).stdout, 'deleted 11')
  t.ok(
    await eventually('the event that waited is dead', () =>
      Promise.resolve(dev.output().includes(`dead      ${key}`)),
    ),
  )
  t.match((await runCli(['status'], folder)).stdout, /app +True/)
})
