import { readFile } from 'node:fs/promises'

import type { Log } from '../process/log.ts'
import { runProcess } from '../process/run-process.ts'
import { adoptStreams } from './adopt-streams.ts'
import { readConfig, type AdoptConfig } from './config.ts'
import { accountOf } from './issue.ts'

/** Runs before a NATS server starts, and ends: what the server stored without identities goes to the accounts of namespaces. */
async function main({ store, idFile }: AdoptConfig, log: Log): Promise<void> {
  const id = (await readFile(idFile, 'utf8')).trim()
  const moved = await adoptStreams(store, { keys: { id }, accountOf })
  log.info({ streams: moved }, 'Gave streams to the accounts of their namespaces')
}

runProcess('adopt', readConfig, main)
