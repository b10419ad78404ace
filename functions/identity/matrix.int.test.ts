import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import t from 'tap'

import { report } from '../../scripts/security/report.fixture.ts'
import { digestOf } from '../modules/digest.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { eventSubjects, type EventRef } from '../queues/names.ts'
import { accountOf, accountToken, credentials } from './issue.ts'
import { newKeys } from './keys.ts'
import { NAMESPACE_PARTS, type NamespacePart } from './permissions.ts'
import { DETOURS, REQUESTS, type Attempt } from './requests.fixture.ts'
import { startIdentityServer } from './server.fixture.ts'

/** In each message of the namespace that is attacked. */
const SECRET = 'the secret of the rival'
const refOf = (namespace: string, job = 'orders'): EventRef => ({ namespace, job, event: 'ev1' })
const RIVAL = refOf('rival')

/** Which of REQUESTS each part needs, and so may send to the streams of its own namespace. */
const NEEDED: Readonly<Record<Exclude<NamespacePart, 'cli'>, readonly string[]>> = {
  listener: ['store an event', 'read of a module store', '$JS.API.STREAM.MSG.GET', 'hear records'],
  runner: [
    'store an outcome',
    'count descendants',
    'read of a module store',
    ...['INFO', 'MSG.GET', 'MSG.DELETE', 'PURGE'].map((verb) => `$JS.API.STREAM.${verb}`),
    ...['CREATE', 'DURABLE.CREATE', 'INFO', 'MSG.NEXT', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}`),
    'acknowledge',
  ],
}
/** What the CLI may not do in its own namespace, either. */
const CLI_NEVER = [
  'hear accepted events',
  'hear wakes',
  'hear modules',
  'hear the API',
  'hear advisories',
  'hear all inboxes',
  'hear everything',
]

/** Makes the streams of a Job, with an event, an outcome and a module. */
async function fill(connection: NatsConnection, ref: EventRef, content: string): Promise<void> {
  await ensureQueues(connection, {
    ref,
    queue: { storage: 'File', maxBytes: 8 * 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 },
    events: [ref.event],
    metadata: {},
  })
  const subjects = eventSubjects(ref)
  const key = 'a2'.repeat(13)
  for (const subject of [subjects.queued(key), subjects.record(key, 'done')])
    await connection.request(subject, content)
  const store = await openModuleStore(connection, ref.namespace, { create: {} })
  await store.put('a.wasm', Buffer.from(content))
}

/** All that NATS holds in an account. */
async function contentOf(connection: NatsConnection) {
  const manager = await jetstreamManager(connection)
  const streams = []
  for await (const { config, state } of manager.streams.list()) {
    const consumers = []
    for await (const { name, delivered, ack_floor, paused } of manager.consumers.list(config.name))
      consumers.push({ name, delivered: delivered.consumer_seq, acked: ack_floor.consumer_seq, paused })
    streams.push({ config, messages: state.messages, last: state.last_seq, consumers })
  }
  return JSON.stringify(streams.sort((a, b) => a.config.name.localeCompare(b.config.name)))
}

function isRefused(answer: string): boolean {
  return /Permissions Violation/.test(answer)
}

/** The answer in a few words, for the table. */
function inShort(answer: string): string {
  if (isRefused(answer)) return 'refused'
  if (answer.startsWith('no answer')) return 'nobody there'
  const { error } = /^\{/.test(answer) ? (JSON.parse(answer) as { error?: { description?: string } }) : {}
  return error?.description ?? 'only its own'
}

t.test('each request of each part, to its own namespace and to a foreign one', async (t) => {
  const { as } = await startIdentityServer(t, ['shop', 'rival'])
  const owner = await as(accountOf('shop'), 'operator')
  const rival = await as(accountOf('rival'), 'operator')
  await fill(rival, RIVAL, SECRET)
  const spied: string[] = []
  rival.subscribe('>', {
    callback: (_fault, { subject }) => {
      if (!/^(\$JS\.|_INBOX)/.test(subject)) spied.push(subject)
    },
  })
  const rows: string[][] = []
  let allowed = 0
  /** Tries something against the rival, and says whether it had any effect there, or told anything of it. */
  const against = async (connection: NatsConnection, attempt: Attempt, own: EventRef) => {
    const before = await contentOf(rival)
    const heard = attempt.name.startsWith('hear ')
    const answering = attempt.act(connection, RIVAL, own)
    // So that there is something to be heard, which no stream keeps.
    if (heard) for (const subject of ['news', `jobico-wake.rival.orders.ev1`]) rival.publish(subject, SECRET)
    const answer = await answering
    await rival.flush()
    const isHarmless =
      (await contentOf(rival)) === before &&
      !answer.includes(SECRET) &&
      !answer.includes(Buffer.from(SECRET).toString('base64').slice(0, -4)) &&
      !(/NAMES|LIST/.test(attempt.name) && answer.startsWith('{') && answer.includes('rival'))
    if (!isHarmless) allowed++
    t.ok(isHarmless, `${attempt.name}: ${answer.slice(0, 200)}`)
    return isHarmless ? inShort(answer) : 'ALLOWED'
  }
  for (const part of NAMESPACE_PARTS) {
    const own = refOf('shop', part)
    await fill(owner, own, 'ours')
    const connection = await as(accountOf('shop'), part)
    for (const [at, attempt] of [...REQUESTS, ...DETOURS].entries()) {
      const row = (rows[at] ??= [attempt.name])
      row.push(await against(connection, attempt, own))
    }
    const mine = []
    for (const { name, act } of REQUESTS) if (!isRefused(await act(connection, own, own))) mine.push(name)
    const needed =
      part === 'cli'
        ? REQUESTS.map(({ name }) => name).filter((name) => !CLI_NEVER.includes(name))
        : NEEDED[part]
    t.same(mine.sort(), [...needed].sort(), `${part}: what it needs, and nothing else`)
  }
  t.same(
    spied.filter((subject) => subject !== 'news' && !subject.startsWith('jobico-wake.rival')),
    [],
    'nothing has come to the rival',
  )
  t.equal(allowed, 0)
  const tried = rows.length * NAMESPACE_PARTS.length
  report({
    ...{ attack: 'requests to a foreign namespace', bound: '0 allowed' },
    measured: `${allowed} of ${tried} allowed`,
  })
  t.comment(tableOf(['request to the foreign namespace', ...NAMESPACE_PARTS], rows))
})

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_name, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

t.test('a stranger is not let in', async (t) => {
  const { keys, connect } = await startIdentityServer(t, ['shop'])
  const other = newKeys(new Date())
  const good = credentials(keys, accountOf('shop'), 'listener')
  const tampered = (change: (claims: { nats: Record<string, unknown> }) => void) =>
    good.replace(/(eyJ[\w-]+)\.([\w-]+)\./, (_token, head: string, body: string) => {
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as {
        nats: Record<string, unknown>
      }
      change(claims)
      return `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`
    })
  const seedOf = (text: string) => /^SU\S+/m.exec(text)?.[0] ?? ''
  const cases: readonly (readonly [name: string, credentials: string | undefined])[] = [
    ['nobody', undefined],
    ['somebody of another installation', credentials(other, accountOf('shop'), 'cli')],
    [
      'keys of another installation, for this account',
      credentials({ ...other, id: keys.id }, accountOf('shop'), 'cli'),
    ],
    ['more rights written into a token', tampered(({ nats }) => delete nats['pub'])],
    ['another account written into a token', tampered(({ nats }) => void (nats['issuer_account'] = 'A'))],
    [
      "a part's token with another's seed",
      good.replace(seedOf(good), seedOf(credentials(keys, accountOf('shop'), 'runner'))),
    ],
    ['an account that nobody has made', credentials(keys, accountOf('nowhere'), 'cli')],
  ]
  for (const [name, text] of cases)
    await t.rejects(connect(text), { message: /Authorization Violation|Authentication/i }, name)
  await t.resolves(connect(good))
})

t.test('an account is made while the server runs', async (t) => {
  const { keys, as, connect } = await startIdentityServer(t, ['shop'])
  const system = await as('system', 'operator')
  const update = (token: string) => system.request('$SYS.REQ.CLAIMS.UPDATE', token, { timeout: 2_000 })
  const forged = { ...keys, current: newKeys(new Date()).current }
  await update(accountToken(forged, accountOf('forged')))
  await t.rejects(
    connect(credentials(forged, accountOf('forged'), 'cli')),
    { message: /Authorization Violation/ },
    'an account that another operator has signed is of no use',
  )
  t.match((await update(accountToken(keys, accountOf('late')))).json(), { data: { code: 200 } })
  await fill(await as(accountOf('late'), 'operator'), refOf('late'), 'x')
  const store = await openModuleStore(await as(accountOf('late'), 'cli'), 'late')
  t.equal((await store.find('a.wasm'))?.digest, digestOf(Buffer.from('x')))
})
