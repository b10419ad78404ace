import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t, { type Test } from 'tap'

import { connectNats } from '../../../functions/jetstream/connection.ts'
import { startGuard } from '../../../functions/storage/guard.ts'
import { hasStopped, readHealth } from '../../../functions/storage/health.ts'
import { measureDisk } from '../../../functions/storage/measure.ts'
import type { StorageReport } from '../../../functions/storage/report.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { cutForeignFile, fillDisk } from '../../testing/foreign-file.fixture.ts'
import { smallDisk } from '../../testing/small-disk.fixture.ts'
import { startSender, type Sent } from '../ledger/sender.ts'
import { openServer, type Server } from '../system/server.fixture.ts'
import { startSystem } from '../system/system.fixture.ts'
import { auditCase, randomOf } from './audit.fixture.ts'

const DISK_MIB = 128
/** Each Job alone may have more than the disk. */
const QUEUE = { maxBytes: 1024 * 2 ** 20 }
const DATA = { bulk: 'x'.repeat(100_000) }
/** After a full disk, everything goes on within a minute of space being there. */
const RECOVERY = { withinMs: 60_000 }

t.test('the disk of a server with two Jobs is full', async (t) => {
  const folder = smallDisk(t, DISK_MIB)
  if (folder === undefined) return
  const server = await openServer(join(folder, 'nats'), {})
  t.teardown(() => server.stop())
  const connection = await connectNats({ url: server.url, name: 'guard' })
  const reports: StorageReport[] = []
  const faults: unknown[] = []
  const guard = startGuard({
    connection,
    server: 'nats',
    measure: () => measureDisk(folder),
    health: () => readHealth(server.members[0].monitoringUrl()),
    restart: async () => {
      await server.stop()
      // As a kubelet does: the disk may be full again meanwhile.
      await eventually('the server starts', () => server.start().then(() => true))
    },
    onChange: (report) => reports.push(report),
    onFault: (fault) => faults.push(fault),
  })
  t.teardown(async () => {
    await guard.close()
    await connection.close()
  })
  await playFullDisk(t, folder, server, reports)
  t.same(faults, [])
})

/** Fills the disk of a server with two Jobs, first by what they store and then by something else. */
async function playFullDisk(
  t: Test,
  folder: string,
  server: Server,
  reports: readonly StorageReport[],
): Promise<void> {
  const names = ['one', 'two'] as const
  const systems = await Promise.all(names.map((job) => startSystem(t, { on: server, job, queue: QUEUE })))
  const runners = systems.flatMap((system) => system.children('runner'))
  const senders = systems.map((system, index) =>
    startSender({
      target: () => system.target(),
      perSecond: 30,
      random: randomOf(`full disk (${names[index]})`),
      // Dead letters stay, so few events become some.
      actions: ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'reject', 'retry'],
      data: DATA,
      mostInFlight: 40,
    }),
  )
  t.teardown(() => Promise.all(senders.map((sender) => sender.stop(0))))
  const accepts = ({ sent }: { readonly sent: readonly Sent[] }) => {
    const before = sent.length
    return () => Promise.resolve(sent.slice(before).some(({ accepted }) => accepted))
  }

  // What Jobs themselves store: the intake is closed before NATS fails, and what was accepted is worked off.
  for (const runner of runners) runner.signal('SIGSTOP')
  await eventually('the disk is nearly full', () => Promise.resolve(reports.at(-1)?.closed))
  await delay(2_000)
  const status = async () => (await readHealth(server.members[0].monitoringUrl()))?.status
  t.equal(await status(), 'ok', 'NATS has not failed')
  for (const runner of runners) runner.signal('SIGCONT')
  for (const sender of senders) await eventually('events are taken again', accepts(sender))
  t.equal(await status(), 'ok', 'nor has it meanwhile')
  for (const { sent } of senders) {
    const statuses = new Set(sent.flatMap(({ answers }) => answers).map(({ status }) => status))
    t.same([...statuses].sort(), [202, 503])
  }

  // What somebody else stores: closing the intake does not help.
  await eventually('JetStream has stopped', async () => {
    fillDisk(folder) // also what NATS has freed meanwhile
    const health = await readHealth(server.members[0].monitoringUrl())
    return health !== undefined && hasStopped(health)
  })
  await delay(3_000)
  cutForeignFile(folder)
  for (const sender of senders) await eventually('events are taken again', accepts(sender), RECOVERY)
  for (const [index, sender] of senders.entries()) {
    const [name, system] = [names[index], systems[index]]
    if (system !== undefined)
      await auditCase(t, { fault: `full disk (${name})`, system, sent: await sender.stop() })
  }
}
