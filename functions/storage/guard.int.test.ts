import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { jetstreamManager } from '@nats-io/jetstream'
import t, { type Test } from 'tap'

import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import { cutForeignFile, fillDisk } from '../../scripts/testing/foreign-file.fixture.ts'
import { smallDisk } from '../../scripts/testing/small-disk.fixture.ts'
import { testFolder } from '../../scripts/testing/test-folder.fixture.ts'
import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { connectNats } from '../jetstream/connection.ts'
import { eventSubjects } from '../queues/names.ts'
import { streamConfigs } from '../queues/stream-config.ts'
import { startGuard } from './guard.ts'
import { readHealth } from './health.ts'
import { measureDisk } from './measure.ts'
import { ASK_SUBJECT, STORAGE_SUBJECT, usedRatio, type StorageReport } from './report.ts'
import { askStorage, watchStorage } from './watch.ts'

const MiB = 2 ** 20
const DISK_MIB = 64
const PATIENCE = { withinMs: 60_000 }

/** A server with two Jobs on a small disk, and its guard. */
async function openDisk(t: Test, folder: string) {
  const options = { storeDir: join(folder, 'nats'), environment: process.env }
  let server = await startNatsServer(options)
  const { url, port, monitoringUrl } = server
  const connection = await connectNats({ url, name: 'test' })
  const { streams } = await jetstreamManager(connection)
  for (const job of ['one', 'two'])
    for (const config of streamConfigs({
      ref: { namespace: 'shop', job },
      // Far more than the disk has: nothing is refused for what is not used.
      queue: { storage: 'File', maxBytes: 1024 * MiB, duplicateWindowSeconds: 120, replicas: 1 },
      metadata: {},
    }))
      await streams.add(config)
  const changes: StorageReport[] = []
  const faults: unknown[] = []
  let restarts = 0
  const guard = startGuard({
    connection,
    server: server.url,
    measure: () => measureDisk(folder),
    health: () => readHealth(server.monitoringUrl),
    restart: async () => {
      restarts++
      await server.stop()
      server = await startNatsServer({ ...options, port })
    },
    onChange: (report) => changes.push(report),
    onFault: (fault) => faults.push(fault),
  })
  t.teardown(async () => {
    await guard.close()
    await connection.close()
    await server.stop()
  })
  let published = 0
  const publish = async (job: string, bytes = 3_000) => {
    const subject = eventSubjects({ namespace: 'shop', job, event: 'ev1' }).queued(`k${published++}`)
    const answer = await connection.request(subject, new Uint8Array(bytes), { timeout: 1_500 })
    const { error } = answer.json<{ error?: { description: string } }>()
    if (error !== undefined) throw new Error(error.description)
    return true
  }
  return {
    ...{ connection, streams, changes, faults, publish, monitoringUrl },
    restarts: () => restarts,
    store: async (job: string) => (await streams.info(`JOBICO_shop_${job}_QUEUE`)).state.messages,
  }
}

t.test('everybody hears that a disk is nearly full, and that it is not any more', async (t) => {
  const folder = smallDisk(t, DISK_MIB)
  if (folder === undefined) return
  const { connection, changes, faults, publish } = await openDisk(t, folder)
  const watch = watchStorage(connection)
  await eventually('the first report', () => Promise.resolve(watch.reports()[0]), PATIENCE)
  t.equal(watch.low(), undefined)

  fillDisk(folder, 8 * MiB)
  const low = await eventually('new events are refused', () => Promise.resolve(watch.low()), PATIENCE)
  t.ok(usedRatio(low.usage) > 0.85)
  t.ok(await publish('one'), 'NATS itself still works')
  cutForeignFile(folder, Math.floor(0.82 * DISK_MIB * MiB))
  const asked = await askStorage(connection, 1_200)
  t.match(asked, [{ closed: true }], 'a little more room changes nothing')
  cutForeignFile(folder)
  await eventually('they are taken', () => Promise.resolve(watch.low() === undefined), PATIENCE)
  t.same(
    changes.map(({ closed }) => closed),
    [false, true, false],
  )
  t.same(faults, [])
  watch.close()
})

t.test('a thousand questions at once have one answer, and what is asked later has another one', async (t) => {
  const { connection } = await openDisk(t, testFolder(t))
  t.match(await askStorage(connection, 1_200), [{ closed: false }])
  let reports = 0
  connection.subscribe(STORAGE_SUBJECT, {
    callback: () => {
      reports++
    },
  })
  for (let count = 0; count < 1_000; count++) connection.publish(ASK_SUBJECT)
  await eventually('an answer', () => Promise.resolve(reports > 0))
  await connection.flush()
  t.ok(reports < 5, `${reports} reports`)
  const before = reports
  t.match(await askStorage(connection, 1_200), [{ closed: false }])
  t.ok(reports > before)
})

t.test('after a full disk the server works again once there is room', async (t) => {
  const folder = smallDisk(t, DISK_MIB)
  if (folder === undefined) return
  const { publish, restarts, store, monitoringUrl, faults } = await openDisk(t, folder)
  for (let i = 0; i < 50; i++) for (const job of ['one', 'two']) await publish(job)
  fillDisk(folder)
  for (const job of ['one', 'two'])
    await eventually(`nothing is stored in ${job}`, () =>
      publish(job, 100_000).then(
        () => false,
        () => true,
      ),
    )
  t.match(await readHealth(monitoringUrl), { status: 'unavailable' })
  t.equal(restarts(), 0, 'a restart is of no use without room')
  cutForeignFile(folder)
  for (const job of ['one', 'two']) {
    await eventually(`${job} stores events again`, () => publish(job), PATIENCE)
    t.ok((await store(job)) > 50, `what was in ${job} is still there`)
  }
  t.equal(restarts(), 1)
  t.same(faults, [])
})

t.test('the process beside a server ends it, once there is room after a full disk', async (t) => {
  const folder = smallDisk(t, DISK_MIB)
  if (folder === undefined) return
  const options = { storeDir: join(folder, 'nats'), environment: process.env }
  const first = await startNatsServer(options)
  const connection = await connectNats({ url: first.url, name: 'test' })
  const { streams } = await jetstreamManager(connection)
  await streams.add({ name: 'S', subjects: ['s'] })
  const pidFile = join(testFolder(t), 'nats.pid')
  await writeFile(pidFile, String(first.pid))
  const guard = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: {
      PATH: process.env['PATH'],
      NATS_URL: first.url,
      JOBICO_NATS_MONITORING_URL: first.monitoringUrl,
      JOBICO_STORAGE_FOLDER: folder,
      JOBICO_NATS_PID_FILE: pidFile,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: guard.stdout })
  const ended = once(guard, 'exit')
  const said = (text: string) => async () => {
    for await (const line of lines) if (line.includes(text)) return true
    return false
  }
  t.ok(await said('Storage is sufficient')())
  fillDisk(folder)
  await eventually('nothing is stored', () =>
    connection.request('s', new Uint8Array(100_000), { timeout: 1_500 }).then(
      () => false,
      () => true,
    ),
  )
  cutForeignFile(folder)
  await first.ended
  t.pass('the server was ended')
  // The kubelet would do this.
  const second = await startNatsServer({ ...options, port: first.port })
  await eventually(
    'it stores again',
    async () => (await connection.request('s', 'x')).json<{ seq: number }>().seq > 0,
  )
  guard.kill('SIGTERM')
  t.same((await ended)[0], 0)
  await connection.close()
  await second.stop()
})

t.test('a folder that is not there is an error', async (t) => {
  await t.rejects(measureDisk('/nowhere/at/all'), { code: 'ENOENT' })
})
