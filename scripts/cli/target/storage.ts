import type { NatsConnection } from '@nats-io/transport-node'

import { JobicoError } from '../../../functions/process/errors.ts'
import { usageText, type StorageReport } from '../../../functions/storage/report.ts'

/** How long the guards of the NATS servers have to answer, also through a port-forward. */
const ANSWER_MS = 300

/** The NATS server whose disk is so full that nothing new is stored; undefined if there is none. */
export async function lowStorage(connection: NatsConnection): Promise<StorageReport | undefined> {
  const { askStorage } = await import('../../../functions/storage/watch.ts')
  return (await askStorage(connection, ANSWER_MS)).find(({ closed }) => closed)
}

/** Throws STORAGE_LOW while the disk of a NATS server is nearly full. */
export async function assertStorage(connection: NatsConnection): Promise<void> {
  const low = await lowStorage(connection)
  if (low === undefined) return
  throw new JobicoError(
    'STORAGE_LOW',
    `the disk of the NATS server ${low.server} is used up to ${usageText(low.usage)}, and the rest is kept for events that ` +
      'were accepted; purge what is not needed, or have larger volumes given to NATS, and push again',
  )
}
