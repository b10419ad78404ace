import { readFile } from 'node:fs/promises'

import { closeNats, connectNats } from '../jetstream/connection.ts'
import { JobicoError, messageOf } from '../process/errors.ts'
import type { Log } from '../process/log.ts'
import { runProcess } from '../process/run-process.ts'
import { onShutdown } from '../process/shutdown.ts'
import { readConfig, type GuardConfig } from './config.ts'
import { startGuard } from './guard.ts'
import { readHealth } from './health.ts'
import { measureDisk } from './measure.ts'
import { usageText } from './report.ts'

const GRACE_MS = 5_000

/** Runs the guard of one NATS server, beside that server, until onShutdown ends the process. */
async function main(config: GuardConfig, log: Log): Promise<void> {
  const { natsUrl, natsCredsFile, monitoringUrl, folder } = config
  await measureDisk(folder).catch((cause: unknown) => {
    throw new JobicoError('CONFIG_INVALID', `JOBICO_STORAGE_FOLDER: ${messageOf(cause)}`, { cause })
  })
  const connection = await connectNats({
    url: natsUrl,
    credsFile: natsCredsFile,
    name: 'jobico-storage',
    onlyGiven: true,
  })
  const server = connection.info?.server_name ?? natsUrl
  const guard = startGuard({
    connection,
    server,
    measure: () => measureDisk(folder),
    health: () => readHealth(monitoringUrl),
    restart: () => restart(config, log),
    onChange: ({ usage, closed }) => {
      if (closed) log.warn({ server, used: usageText(usage) }, 'Storage is low')
      else log.info({ server, used: usageText(usage) }, 'Storage is sufficient')
    },
    onFault: (err) => log.error({ err }, 'Could not look after the storage; tried again'),
  })
  onShutdown(log, GRACE_MS, async () => {
    await guard.close()
    await closeNats(connection)
  })
  await connection.closed()
}

/** Ends the server. Whoever started it, such as the kubelet, starts it again. */
async function restart({ pidFile }: GuardConfig, log: Log): Promise<void> {
  if (pidFile === undefined) {
    log.error('JetStream has stopped for a fault of the disk, and there is room again: restart this server')
    return
  }
  const pid = Number(await readFile(pidFile, 'utf8'))
  log.warn(
    { pid },
    'JetStream has stopped for a fault of the disk, and there is room again: ending the server',
  )
  process.kill(pid, 'SIGTERM')
}

runProcess('storage', readConfig, main)
