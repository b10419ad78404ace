import { spawn } from 'node:child_process'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { NatsConnection } from '@nats-io/transport-node'
import t, { type Test } from 'tap'

import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { backup } from '../backup/backup.ts'
import { checkBackup } from '../backup/backup-file.ts'
import { restore } from '../backup/restore.ts'
import { readDeadLetters } from '../dead-letters/dead-letters.ts'
import { planPurge, purgeDeadLetters } from '../dead-letters/purge.ts'
import { redrive } from '../dead-letters/redrive.ts'
import { fromAssemblyScript } from '../guests/test-modules.ts'
import { createRequests } from '../jetstream/requests.ts'
import { startListener } from '../listener/process.fixture.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { findEvents } from '../outcomes/find-events.ts'
import { followOutcomes } from '../outcomes/follow-outcomes.ts'
import { readBacklog } from '../queues/backlog.ts'
import { ensureQueues, listQueues } from '../queues/lifecycle.ts'
import { streamNames } from '../queues/names.ts'
import { startGuard } from '../storage/guard.ts'
import { watchStorage } from '../storage/watch.ts'
import { connectNats } from '../jetstream/connection.ts'
import { accountOf, credentials } from './issue.ts'
import { beginRotation, endRotation, newKeys, switchKeys, type InstallationKeys } from './keys.ts'

const NAMESPACE = 'shop'
const JOB = { namespace: NAMESPACE, job: 'orders' }
const SHOP = accountOf(NAMESPACE)

const GUEST = `
@external("jobico", "reject") declare function reject(reason: string): void
@external("jobico", "retry") declare function retry(afterSeconds: f64, reason: string): void
@external("jobico", "emit") declare function emit(event: string, data: string): void
export function handle(event: string): string | null {
  if (event.includes('"do":"reject"')) reject("not today")
  if (event.includes('"do":"retry"')) retry(0.05, "once more")
  if (event.includes('"do":"emit"')) { emit("ev2", '{"n":1}'); emit("ev2", '{"n":2}') }
  return '{"ok":true}'
}
`

/** A server with identities, that can be restarted with other keys, and the parts of a Job as processes. */
async function startShop(t: Test) {
  const folder = testFolder(t, { nats: {}, 'schema.json': '{"type":"object"}' })
  let keys = newKeys(new Date())
  const start = (port?: number) =>
    startNatsServer({
      ...{ storeDir: join(folder, 'nats'), environment: process.env },
      identities: { keys, accounts: [SHOP], accountOf },
      ...(port === undefined ? {} : { port }),
    })
  let server = await start()
  t.teardown(() => server.stop())
  const { url, port } = server
  const complaints: string[] = []
  const connect = async (part: 'cli' | 'operator' | 'storage', account = SHOP): Promise<NatsConnection> => {
    const connection = await connectNats({ url, name: part, credentials: credentials(keys, account, part) })
    t.teardown(() => connection.close())
    void (async () => {
      for await (const status of connection.status())
        if (status.type === 'error') complaints.push(`${part}: ${status.error.message}`)
    })()
    return connection
  }
  const credsFile = (part: 'listener' | 'runner') => join(folder, `${part}.creds`)
  const writeCreds = async () => {
    for (const part of ['listener', 'runner'] as const)
      await writeFile(credsFile(part), credentials(keys, SHOP, part), { mode: 0o600 })
  }
  await writeCreds()
  const owner = await connect('operator')
  await ensureQueues(owner, {
    ref: JOB,
    queue: { storage: 'File', maxBytes: 64 * 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 },
    events: ['ev1', 'ev2'],
    metadata: {},
  })
  await openModuleStore(owner, NAMESPACE, { create: {} })
  const cli = await connect('cli')
  const module = await (
    await openModuleStore(cli, NAMESPACE)
  ).put('guest.wasm', await fromAssemblyScript(GUEST))
  const digest = module.digest
  await (await openModuleStore(owner, NAMESPACE)).put(digest, await fromAssemblyScript(GUEST))
  const schema = join(folder, 'schema.json')
  const environment = {
    ...{ NATS_URL: url, JOBICO_NAMESPACE: NAMESPACE, JOBICO_JOB: JOB.job, METRICS_PORT: '0' },
    ...{
      JOBICO_MODULE: digest,
      JOBICO_MAX_ATTEMPTS: '2',
      JOBICO_MIN_DELAY_MS: '20',
      JOBICO_MAX_DELAY_MS: '50',
    },
    ...{ NATS_CREDS_FILE: credsFile('runner'), JOBICO_EMIT: JSON.stringify({ ev2: schema }) },
  }
  for (const event of ['ev1', 'ev2']) {
    const runner = spawn(process.execPath, [join(import.meta.dirname, '..', 'runner', 'main.ts')], {
      env: { ...environment, PATH: process.env['PATH'], JOBICO_EVENT: event },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => runner.kill('SIGKILL'))
    createInterface({ input: runner.stdout }).on('line', (line) => {
      if (/ermission/.test(line)) complaints.push(line)
    })
  }
  const listener = startListener(t, {
    ...{ NATS_URL: url, NATS_CREDS_FILE: credsFile('listener'), JOBICO_SCHEMA: schema },
    JOBICO_EXPOSE_RESULTS: 'true',
  })
  const address = `http://127.0.0.1:${await listener.ready()}/listener/ev1`
  const post = (data: object, more: Readonly<Record<string, string>> = {}) =>
    fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...more },
      body: JSON.stringify({ data: [data] }),
    })
  return {
    ...{ folder, cli, owner, post, connect, complaints, credsFile, writeCreds, address },
    keys: () => keys,
    async restartWith(next: InstallationKeys) {
      keys = next
      await server.stop()
      server = await start(port)
    },
  }
}

/** Sends an event and gives its outcome. */
async function outcomeOf(post: Awaited<ReturnType<typeof startShop>>['post'], data: object) {
  const answer = await post(data, { prefer: 'wait=30' })
  return { status: answer.status, text: await answer.text() }
}

t.test('all that the parts do, they may do', async (t) => {
  const { folder, cli, owner, post, connect, complaints } = await startShop(t)
  const requests = createRequests(cli)
  t.teardown(() => requests.close())
  const work = {
    ...{ filter: {}, limitMs: 5_000, signal: new AbortController().signal },
    onWait: (reason: string) => t.comment(reason),
  }

  await t.test('listener and runners', async (t) => {
    t.match(await outcomeOf(post, { do: 'well' }), { status: 200, text: /"ok":true/ })
    t.match(await outcomeOf(post, { do: 'emit' }), { status: 200 })
    t.match(await outcomeOf(post, { do: 'retry' }), { status: 502, text: /RETRY_REQUESTED/ })
    t.match(await outcomeOf(post, { do: 'reject' }), { status: 502, text: /REJECTED/ })
  })

  await t.test('a runner makes a lost consumer anew', async (t) => {
    const { queue } = streamNames(JOB)
    await owner.request(`$JS.API.CONSUMER.DELETE.${queue}.ev1`)
    t.match(await outcomeOf(post, { do: 'well', again: true }), { status: 200 })
  })

  await t.test('the CLI', async (t) => {
    t.same(
      (await listQueues(cli)).map(({ ref }) => ref),
      [JOB],
    )
    await eventually('all have ended', async () => (await readBacklog(cli, JOB))?.pending === 0)
    t.match(await readBacklog(cli, JOB), { pending: 0, dead: 2 })
    const keys: string[] = []
    for await (const { key } of followOutcomes(cli, JOB, { fromNow: false })) if (keys.push(key) === 7) break
    t.match(await findEvents(requests, JOB, keys[0] ?? ''), [{ state: 'done', event: 'ev1' }])
    const plan = await planPurge(cli, JOB, work)
    t.equal(plan.total, 2)
    t.match(await redrive(cli, JOB, { ...work, rate: 100 }), { sent: 2, refused: 0, stopped: undefined })
    await eventually('they are dead again', async () => {
      const { total, pending } = await planPurge(cli, JOB, work)
      return total === 2 && pending === 0
    })
    const file = join(folder, 'backup')
    const handle = await open(file, 'w+')
    const report = await backup(cli, {
      ...work,
      jobs: [JOB],
      write: async (bytes) => {
        await handle.write(bytes)
      },
    })
    t.match(report, { modules: 2, jobs: [JOB] })
    const { upTo, counts } = await planPurge(cli, JOB, work)
    t.match(counts.map(({ code }) => code).sort(), ['REJECTED', 'RETRY_REQUESTED'])
    t.match(await purgeDeadLetters(cli, JOB, { ...work, upTo }), { deleted: 2, stopped: undefined })
    const restored = await restore(cli, { ...work, backup: await checkBackup(handle) })
    t.match(restored.jobs, [{ ...JOB, records: { stored: 2 } }])
    await handle.close()
    const dead = await planPurge(cli, JOB, work)
    t.equal(dead.total, 2, 'dead letters are back')
    t.same(await readDeadLetters(requests, JOB, 'a'.repeat(26)), [])
  })

  await t.test('the guard of a disk is heard in the account of a namespace', async (t) => {
    const usage = { of: 'bytes', used: 99, size: 100 } as const
    const guard = startGuard({
      ...{ connection: await connect('storage', 'storage'), server: 'n1' },
      ...{ measure: () => Promise.resolve(usage), health: () => Promise.resolve({ status: 'ok' }) },
      ...{
        restart: () => Promise.resolve(),
        onChange: () => undefined,
        onFault: (fault) => t.fail(String(fault)),
      },
    })
    const watch = watchStorage(cli)
    await eventually('a report', () => Promise.resolve(watch.low() !== undefined))
    const refused = await eventually('new events are refused', async () => {
      const answer = await post({ do: 'well' })
      return answer.status === 503 ? await answer.text() : undefined
    })
    t.match(refused, /STORAGE_LOW/)
    watch.close()
    await guard.close()
  })

  t.same(complaints, [], 'nobody was refused anything')
})

t.test('keys are rotated while events come', async (t) => {
  const { keys, post, restartWith, writeCreds, cli, connect } = await startShop(t)
  const before = keys()
  const accepted: string[] = []
  const sending = new AbortController()
  const sender = (async () => {
    for (let n = 0; !sending.signal.aborted; n++) {
      const answer = await post({ n }, { 'idempotency-key': `n${n}` })
      const body = (await answer.json()) as { accepted?: readonly { key: string }[] }
      accepted.push(...(body.accepted ?? []).map(({ key }) => key))
    }
  })()
  const more = async () => {
    const least = accepted.length + 100
    await eventually('more events are accepted', () => Promise.resolve(accepted.length >= least), {
      everyMs: 20,
    })
  }
  await more()
  await restartWith(beginRotation(before, new Date()))
  await more()
  await restartWith(switchKeys(keys(), new Date()))
  await more()
  await writeCreds()
  await restartWith(endRotation(keys(), new Date()))
  await more()
  sending.abort()
  await sender
  await t.rejects(
    connectNats({
      ...{ url: cli.getServer(), name: 'old', firstWithinMs: 5_000 },
      credentials: credentials(before, SHOP, 'cli'),
    }),
    { message: /Authorization Violation/ },
    'what the key before has signed is of no use any more',
  )
  const late = await connect('cli')
  await eventually('all are done', async () => (await readBacklog(late, JOB))?.pending === 0)
  const requests = createRequests(late)
  for (const key of new Set(accepted))
    if ((await findEvents(requests, JOB, key))[0]?.state !== 'done') t.fail(`${key} is lost`)
  t.comment(`${new Set(accepted).size} events`)
  requests.close()
})

t.test('a connection whose credentials are refused comes back with new ones', async (t) => {
  const folder = testFolder(t)
  const before = newKeys(new Date())
  const after = newKeys(new Date(), before.id)
  const start = (keys: InstallationKeys, port?: number) =>
    startNatsServer({
      ...{ storeDir: join(folder, 'nats'), environment: process.env },
      identities: { keys, accounts: [SHOP], accountOf },
      ...(port === undefined ? {} : { port }),
    })
  const first = await start(before)
  const { url, port } = first
  const credsFile = join(folder, 'creds')
  await writeFile(credsFile, credentials(before, SHOP, 'cli'))
  const connection = await connectNats({ url, name: 'test', credsFile })
  let refusals = 0
  void (async () => {
    for await (const status of connection.status())
      if (status.type === 'error' && /Authorization/.test(status.error.message)) refusals++
  })()
  await first.stop()
  const second = await start(after, port)
  await eventually('it is refused again and again', () => Promise.resolve(refusals > 3))
  await writeFile(credsFile, credentials(after, SHOP, 'cli'))
  const answer = await eventually('it is back', () =>
    connection.request('$JS.API.INFO', '', { timeout: 1_000 }),
  )
  t.match(answer.json(), { streams: 0 })
  await connection.close()
  await second.stop()
})
