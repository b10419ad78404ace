import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'

import { headers, type MsgHdrs } from '@nats-io/transport-node'
import t, { type Test } from 'tap'

import { readDeadLetters } from '../dead-letters/dead-letters.ts'
import { planPurge, purgeDeadLetters } from '../dead-letters/purge.ts'
import { redrive } from '../dead-letters/redrive.ts'
import { listDeadLetters } from '../dead-letters/scan.ts'
import { eventHeaders } from '../cloudevents/nats-binding.ts'
import { publish } from '../jetstream/publish.ts'
import { lastMessage } from '../jetstream/stored-message.ts'
import { eventState, isKnown, newestRecord, type StoredRecord } from '../outcomes/event-state.ts'
import { JOBICO_HEADERS } from '../outcomes/verdict.ts'
import { ERROR_CODES } from '../process/errors.ts'
import { eventKey, eventSubjects, streamNames, type EventRef } from '../queues/names.ts'
import { createRunnerMetrics } from './metrics.ts'
import { keyOf, newEvent, startFixture, until, type Fixture } from './runner.fixture.ts'

let fixture: Fixture
t.before(async () => (fixture = await startFixture(t)))

const ATTRIBUTES = { 'ce-specversion': '1.0', 'ce-id': 'i1', 'ce-source': '/s', 'ce-type': 't' }
const KEY = eventKey('/s', 'i1')
const NO_LIMIT = { limitMs: 10_000, signal: new AbortController().signal, onWait: () => undefined }

/** Publishes with exactly these bytes as headers, which no client does; resolves when the stream has the message. */
async function publishRaw(subject: string, block: Buffer, payload: Buffer): Promise<void> {
  const socket = connect(fixture.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
  const inbox = `_INBOX.${randomUUID()}`
  socket.write(`SUB ${inbox} 1\r\n`)
  socket.write(`HPUB ${subject} ${inbox} ${block.length} ${block.length + payload.length}\r\n`)
  socket.write(Buffer.concat([block, payload, Buffer.from('\r\n')]))
  let said = ''
  for await (const chunk of socket) if ((said += String(chunk)).includes('"seq":')) break
}

function block(fields: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`, 'latin1')
}

const DATA = Buffer.from('{"do":"ok"}')

interface Unreadable {
  readonly name: string
  readonly fields: Readonly<Record<string, string>>
  readonly data: Buffer
  readonly reason: RegExp
  /** What is left out of the headers of the letter, which then has all of them as bytes. */
  readonly lost: readonly string[]
}

function defined(
  messages: readonly (Pick<Unreadable, 'name' | 'fields'> & Partial<Unreadable>)[],
): readonly Unreadable[] {
  return messages.map((each) => ({ data: DATA, reason: /can not read the message/, lost: [], ...each }))
}

/** The newest record of the message's event. */
async function newest(ref: EventRef): Promise<StoredRecord & { readonly headers: MsgHdrs }> {
  const record = await newestRecord(fixture.requests, ref, KEY)
  if (record?.headers === undefined) throw new Error('there is no record with headers')
  return { ...record, headers: record.headers }
}

/** Messages that a more lenient version, or none at all, may have stored. */
const unreadable = defined([
  {
    name: 'a name of 65 letters',
    fields: { ...ATTRIBUTES, [`ce-${'x'.repeat(65)}`]: 'one too many' },
    reason: /can not read the message: these attributes are not right: x{65} is no attribute name/,
  },
  { name: 'a later specversion', fields: { ...ATTRIBUTES, 'ce-specversion': '2.0' } },
  { name: 'no attribute', fields: { 'jobico-future': '1' }, data: Buffer.from([0, 255, 1]) },
  { name: 'half a percent-encoding', fields: { ...ATTRIBUTES, 'ce-subject': '%c3' } },
  { name: 'a time that is none', fields: { ...ATTRIBUTES, 'ce-time': 'once' }, data: Buffer.alloc(0) },
  {
    name: 'an attempt of it was recorded',
    fields: {
      ...ATTRIBUTES,
      'ce-type': '%',
      [JOBICO_HEADERS.attempt]: '2',
      [JOBICO_HEADERS.hops]: '3',
      [JOBICO_HEADERS.root]: 'r',
    },
  },
  {
    name: 'a header whose name has a blank',
    fields: { ...ATTRIBUTES, 'a name': 'v' },
    reason: /can not read the message: it has headers that are not well-formed/,
    lost: ['a name'],
  },
  {
    name: 'a header with half a line break',
    fields: { ...ATTRIBUTES, other: 'a\rb' },
    reason: /headers that are not well-formed/,
    lost: ['other'],
  },
  {
    name: 'data that is neither JSON nor UTF-8',
    fields: { ...ATTRIBUTES, 'ce-datacontenttype': 'application/json' },
    data: Buffer.from([0xff, 0xfe]),
    reason: /can not read the data: the JSON is not valid UTF-8/,
  },
])

async function checkKept(t: Test, ref: EventRef, { name, fields, data, lost }: Unreadable) {
  const letter = await newest(ref)
  t.same(Buffer.from(letter.data), data, `${name}: the data is kept as it was`)
  for (const [header, value] of Object.entries(fields))
    if (!lost.includes(header)) t.equal(letter.headers.get(header), value, `${name}: ${header} is kept`)
  const raw = lost.length === 0 ? '' : block(fields).toString('base64')
  t.equal(letter.headers.get(JOBICO_HEADERS.rawHeaders), raw, `${name}: all headers are kept`)
}

async function checkListed(t: Test, ref: EventRef, { name, fields }: Unreadable) {
  const { letters, total } = await listDeadLetters(fixture.connection, ref, { limit: 10 })
  t.match({ letters, total }, { letters: [{ key: KEY, code: 'MESSAGE_UNREADABLE' }], total: 1 }, name)
  t.equal(letters[0]?.id, fields['ce-id'] ?? '')
}

for (const source of ['queue', 'events'] as const)
  t.test(`a message in the stream "${source}" that this version can not read`, async (t) => {
    for (const message of unreadable) {
      const { name, fields, data, reason } = message
      const ref = await fixture.newJob()
      const subjects = eventSubjects(ref)
      const subject = source === 'queue' ? subjects.queued(KEY) : subjects.record(KEY, 'due')
      await publishRaw(subject, block(fields), data)
      t.ok(await isKnown(fixture.requests, ref, KEY), `${name}: it is there`)
      const metrics = createRunnerMetrics(() => 0)
      await fixture.startHere(t, ref, {}, { metrics })
      const end = await fixture.ended(ref, KEY)
      t.match(end, { state: 'dead', verdict: { code: 'MESSAGE_UNREADABLE', reason } }, name)
      await checkKept(t, ref, message)
      await until(async () => (await fixture.messages(streamNames(ref).queue)) === 0)
      await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
      await checkListed(t, ref, message)
      const counted = 'jobico_runner_dead_letters_total{code="MESSAGE_UNREADABLE"} 1'
      t.match(await metrics.registry.metrics(), counted)
      const next = await fixture.accept(ref, newEvent({ do: 'ok' }))
      t.equal((await fixture.ended(ref, next)).state, 'done', `${name}: the next event runs`)
    }
  })

t.test('such a dead letter is shown, sent again as it came, and purged', async (t) => {
  const { connection, requests } = fixture
  const ref = await fixture.newJob()
  const fields = {
    ...ATTRIBUTES,
    'ce-specversion': '2.0',
    [JOBICO_HEADERS.hops]: '3',
    [JOBICO_HEADERS.root]: 'r',
    'future-header': 'x',
  }
  const subjects = eventSubjects(ref)
  await publishRaw(subjects.record(KEY, 'due'), block(fields), DATA)
  const stop = await fixture.startHere(t, ref)
  await fixture.ended(ref, KEY)
  await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
  await stop()

  const letter = await newest(ref)
  const raw = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]]))
  const [full] = await readDeadLetters(requests, ref, KEY)
  t.match(full, {
    letter: { code: 'MESSAGE_UNREADABLE', source: '/s' },
    cloudEvent: undefined,
    isPending: false,
  })
  t.same(full?.cloudEvent === undefined && full?.message, { headers: raw, data: DATA })

  const sent = await redrive(connection, ref, {
    ...NO_LIMIT,
    filter: { codes: ['MESSAGE_UNREADABLE'] },
    rate: 100,
  })
  t.match(sent, { sent: 1, refused: 0, stopped: undefined })
  const copy = await newest(ref)
  t.equal(copy.kind, 'due')
  const redriven = { [JOBICO_HEADERS.redrive]: String(letter.seq) }
  t.same(Object.fromEntries(ownFields(copy.headers)), { ...fields, ...redriven })
  t.same(Buffer.from(copy.data), DATA)

  const again = await fixture.startHere(t, ref)
  await until(async () => (await fixture.messages(streamNames(ref).events)) === 1)
  const last = await newest(ref)
  t.equal(last.kind, 'dead', 'dead again: there is one letter still')
  t.not(last.seq, letter.seq)
  await again()

  const { upTo, total, counts } = await planPurge(connection, ref, { ...NO_LIMIT, filter: {} })
  t.match({ total, counts }, { total: 1, counts: [{ event: 'ev1', code: 'MESSAGE_UNREADABLE', letters: 1 }] })
  t.match(await purgeDeadLetters(connection, ref, { ...NO_LIMIT, filter: {}, upTo }), { deleted: 1 })
  t.equal((await eventState(requests, ref, KEY)).state, 'unknown')
})

function ownFields(fields: MsgHdrs): [string, string][] {
  return [...fields].filter(([name]) => !/^nats-/i.test(name)).map(([name, [value = '']]) => [name, value])
}

t.test('where dead letters have no room, it waits, and is dead once there is', async (t) => {
  const { manager, requests } = fixture
  const ref = await fixture.newJob()
  const { queue, events } = streamNames(ref)
  const { config } = await manager.streams.info(queue)
  await manager.streams.update(queue, { ...config, max_bytes: 10_000 })
  const other = eventSubjects(ref).record('a'.repeat(26), 'dead')
  await publish(requests, { subject: other, payload: 'x'.repeat(20_000) })
  await publishRaw(eventSubjects(ref).queued(KEY), block({ ce: '1' }), DATA)
  const reports: string[] = []
  const metrics = createRunnerMetrics(() => 0)
  const report = ({ kind }: { kind: string }) => void reports.push(kind)
  await fixture.startHere(t, ref, {}, { metrics: { ...metrics, report } })
  await until(() => Promise.resolve(reports.includes('waits')))
  t.equal(await fixture.messages(queue), 1, 'it stays where it was')
  await manager.streams.purge(events, { filter: other })
  t.match(await fixture.ended(ref, KEY), { state: 'dead', verdict: { code: 'MESSAGE_UNREADABLE' } })
})

t.test('a record of its outcome that this version can not read is an outcome', async (t) => {
  const { connection, requests } = fixture
  const ref = await fixture.newJob()
  const { record } = eventSubjects(ref)
  const letters: Readonly<Record<string, MsgHdrs>> = {
    'a code of a later version': fieldsOf({
      ...ATTRIBUTES,
      'Jobico-Verdict': 'dead',
      'Jobico-Code': 'CANCELLED',
      'Jobico-Reason': 'by%20me',
    }),
    'another word for dead': fieldsOf({ ...ATTRIBUTES, 'Jobico-Verdict': 'buried' }),
    'errors of another form': fieldsOf({
      ...ATTRIBUTES,
      'Jobico-Verdict': 'dead',
      'Jobico-Code': 'TIMEOUT',
      'Jobico-Errors': '{"n":1}',
    }),
    'no header at all': headers(),
  }
  const want = ['CANCELLED', 'MESSAGE_UNREADABLE', 'TIMEOUT', 'MESSAGE_UNREADABLE']
  for (const [index, [name, fields]] of Object.entries(letters).entries()) {
    const key = keyNumber(index)
    await publish(requests, { subject: record(key, 'dead'), headers: fields, payload: 'x' })
    t.match(
      await eventState(requests, ref, key),
      { state: 'dead', verdict: { code: want[index], errors: [] } },
      name,
    )
  }
  const { letters: listed, total } = await listDeadLetters(connection, ref, { limit: 10 })
  t.same(listed.map(({ code }) => code).reverse(), want)
  t.equal(total, want.length)
  const { upTo } = await planPurge(connection, ref, { ...NO_LIMIT, filter: {} })
  t.match(await purgeDeadLetters(connection, ref, { ...NO_LIMIT, filter: {}, upTo }), {
    deleted: want.length,
  })

  const key = keyNumber(9)
  await publish(requests, {
    subject: record(key, 'done'),
    headers: fieldsOf({ 'Jobico-Verdict': 'done' }),
    payload: 'x',
  })
  await t.rejects(eventState(requests, ref, key), {
    code: 'MESSAGE_UNREADABLE',
    message: /the event is done, but/,
  })
  t.ok(await isKnown(requests, ref, key))
  t.equal(ERROR_CODES.MESSAGE_UNREADABLE.status, 502)
})

function fieldsOf(values: Readonly<Record<string, string>>): MsgHdrs {
  const fields = headers()
  for (const [name, value] of Object.entries(values)) fields.set(name, value)
  return fields
}

function keyNumber(number: number): string {
  return eventKey('/s', String(number))
}

t.test('a history that this version can not read costs the event nothing', async (t) => {
  const ref = await fixture.newJob()
  await fixture.startHere(t, ref)
  for (const [name, value] of [
    [JOBICO_HEADERS.errors, '5'],
    [JOBICO_HEADERS.errors, '[null,{"attempt":"1"}]'],
    [JOBICO_HEADERS.errors, '%'],
    [JOBICO_HEADERS.attempt, 'many'],
    [JOBICO_HEADERS.hops, '-1'],
    [JOBICO_HEADERS.since, 'x'],
  ] as const) {
    const event = newEvent({ do: 'reject' })
    const fields = eventHeaders(event)
    fields.set(name, value)
    await publish(fixture.requests, {
      subject: eventSubjects(ref).record(keyOf(event), 'due'),
      headers: fields,
      payload: event.data ?? '',
    })
    t.match(
      await fixture.ended(ref, keyOf(event)),
      { state: 'dead', verdict: { code: 'REJECTED', attempts: 1 } },
      `${name}: ${value}`,
    )
  }
})

t.test('a message that is read by nobody yet stays in the queue', async (t) => {
  const ref: EventRef = await fixture.newJob()
  await publishRaw(eventSubjects(ref).queued(KEY), block({ 'a name': 'v' }), DATA)
  t.match(await eventState(fixture.requests, ref, KEY), { state: 'pending', identity: undefined })
  const { queue } = streamNames(ref)
  t.match(await lastMessage(fixture.requests, queue, eventSubjects(ref).queued(KEY)), {
    rawHeaders: block({ 'a name': 'v' }),
  })
})
