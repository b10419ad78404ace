import { connectNats } from '../../../functions/jetstream/connection.ts'
import { messageOf } from '../../../functions/process/errors.ts'
import { startGuard } from '../../../functions/storage/guard.ts'
import { readHealth } from '../../../functions/storage/health.ts'
import { measureDisk } from '../../../functions/storage/measure.ts'
import { usageText, type StorageReport } from '../../../functions/storage/report.ts'
import type { Show } from '../output/report.ts'
import type { KeptNats } from './nats.ts'

/** Guards the disk of nats-server, which has its store in a folder, until the function that it gives is called. */
export async function guardStorage(
  folder: string,
  nats: KeptNats,
  storageCredentials: string,
  show: Show,
): Promise<() => Promise<void>> {
  const connection = await connectNats({
    ...{ url: nats.url, name: 'jobico dev: storage', credentials: storageCredentials },
  })
  const note = (level: 'info' | 'warn' | 'error', text: string) => show({ kind: 'note', level, text })
  let wasClosed = false
  const tell = ({ usage, closed }: StorageReport) => {
    const used = `the disk of ${folder} is used up to ${usageText(usage)}`
    if (closed)
      note(
        'warn',
        `${used}: new events are refused with STORAGE_LOW until it has more room; remove something`,
      )
    else if (wasClosed) note('info', `${used}: new events are taken again`)
    wasClosed = closed
  }
  const guard = startGuard({
    connection,
    server: 'jobico dev',
    measure: () => measureDisk(folder),
    health: () => readHealth(nats.monitoringUrl()),
    restart: async () => {
      note(
        'warn',
        'JetStream has stopped because the disk was full; there is room again: restarting nats-server',
      )
      await nats.restart()
    },
    onChange: tell,
    onFault: (fault) => note('error', `the disk of ${folder} can not be looked at: ${messageOf(fault)}`),
  })
  return async () => {
    await guard.close()
    await connection.close()
  }
}
