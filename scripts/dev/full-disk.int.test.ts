import t from 'tap'

import { eventSubjects } from '../../functions/queues/names.ts'
import { PERSON, runCli } from '../cli/cli.fixture.ts'
import { eventually } from '../testing/eventually.fixture.ts'
import { cutForeignFile, fillDisk } from '../testing/foreign-file.fixture.ts'
import { smallDisk } from '../testing/small-disk.fixture.ts'
import { connectToDev, startEchoHere } from './dev.fixture.ts'

const MiB = 2 ** 20

t.test('when its disk is full, jobico dev says so, and goes on by itself once there is room', async (t) => {
  const folder = smallDisk(t, 200)
  if (folder === undefined) return
  const { dev, notes } = await startEchoHere(t, folder)
  const [served] = dev.instance().events
  if (served?.url === undefined) throw new Error('the event is not served')
  const { url, ...ref } = served
  const send = async () => {
    const body = JSON.stringify({ data: [PERSON] })
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return { status: answer.status, headers: answer.headers, body: await answer.text() }
  }
  const runs = async () => {
    const { status, body } = await send()
    const { accepted = [] } = JSON.parse(body) as { accepted?: { key: string }[] }
    if (status !== 202) throw new Error(body)
    const state = await eventually('the state', async () => {
      const text = await (await fetch(`${url}/events/${accepted[0]?.key ?? ''}`)).text()
      return (JSON.parse(text) as { state: string }).state === 'done'
    })
    return state
  }
  t.ok(await eventually('an event is done', runs))

  fillDisk(folder, 10 * MiB)
  const refused = await eventually('new events are refused', async () => {
    const answer = await send()
    return answer.status === 503 && answer
  })
  t.match(JSON.parse(refused.body), { code: 'STORAGE_LOW', detail: /NATS has used 9\d % of its disk/ })
  t.ok(refused.headers.get('retry-after'))
  t.match(notes().at(-1), /the disk of .* is used up to .*: new events are refused with STORAGE_LOW/)
  t.match(
    (await runCli(['status'], folder)).stdout,
    /False[^]*QueueReady is False: StorageLow\n +the disk is used up to/,
  )

  fillDisk(folder)
  const connection = await connectToDev(folder, dev.instance().natsUrl)
  t.teardown(() => connection.close())
  // What a runner would write fails as well.
  const subject = eventSubjects(ref).record('k', 'due')
  await eventually('JetStream has stopped', () =>
    connection.request(subject, new Uint8Array(500_000), { timeout: 1_500 }).then(
      () => false,
      () => true,
    ),
  )
  cutForeignFile(folder)
  t.ok(await eventually('an event is done again', runs, { withinMs: 60_000 }))
  t.match(
    notes().join('\n'),
    /restarting nats-server[^]*new events are taken again|new events are taken again[^]*restarting/,
  )
})
