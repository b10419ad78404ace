import { headers } from '@nats-io/transport-node'
import t from 'tap'

import { publish } from '../../jetstream/publish.ts'
import { eventSubjects, streamNames, type EventRef, type RecordKind } from '../../queues/names.ts'
import { eventually } from '../../../scripts/testing/eventually.fixture.ts'
import { startFixture, type Fixture } from '../runner.fixture.ts'
import { createRoom } from './room.ts'

const MAX_BYTES = 100_000
let fixture: Fixture

t.before(async () => {
  fixture = await startFixture(t)
})

async function smallJob(): Promise<EventRef> {
  const ref = await fixture.newJob()
  const { config } = await fixture.manager.streams.info(streamNames(ref).queue)
  await fixture.manager.streams.update(streamNames(ref).queue, { ...config, max_bytes: MAX_BYTES })
  return ref
}

async function fill(ref: EventRef, kind: RecordKind, records: number): Promise<void> {
  const payload = 'x'.repeat(10_000)
  for (let n = 0; n < records; n++) {
    const subject = eventSubjects(ref).record(`k${n}`, kind)
    const ack = await publish(fixture.requests, { subject, headers: headers(), payload })
    if (!ack.stored) throw new Error(ack.description)
  }
}

const cases = [
  { name: 'done outcomes of more bytes than may be dead', kind: 'done', records: 12, has: true },
  { name: 'as many dead letters as there may be', kind: 'dead', records: 12, has: false },
  { name: 'fewer dead letters than there may be', kind: 'dead', records: 4, has: true },
] as const

for (const { name, kind, records, has } of cases)
  t.test(
    `since the room was measured came ${name}: ${has ? 'another' : 'no other'} finds room`,
    async (t) => {
      const ref = await smallJob()
      const room = await createRoom(fixture.requests, ref)
      t.teardown(() => room.close())
      await fill(ref, kind, records)
      room.stored(records * 10_000)
      t.equal(await room.has('dead'), has)
    },
  )

t.test('everybody hears of a pause that no event of this runner has caused', async (t) => {
  const ref = await smallJob()
  const room = await createRoom(fixture.requests, ref)
  t.teardown(() => room.close())
  const heard: string[] = []
  room.onChange((mode) => heard.push(mode))
  await fill(ref, 'done', 20)
  await eventually('the pause is over', () => Promise.resolve(heard.length >= 2 && room.mode() === 'all'))
  t.same(heard.slice(0, 2), ['rolling over', 'all'])
})
