import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

import { accountOf, credentials } from '../../functions/identity/issue.ts'
import { newKeys } from '../../functions/identity/keys.ts'
import { connectNats } from '../../functions/jetstream/connection.ts'
import type { EventRef } from '../../functions/queues/names.ts'
import { ensureQueues } from '../../functions/queues/lifecycle.ts'
import { startNatsServer, type ServerIdentities, type StartOptions } from '../nats-server/start.ts'

/** A nats-server in a folder of its own, for one measurement. */
export interface Place {
  readonly folder: string
  readonly natsUrl: string
  readonly serverPid: number
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  /** What a process of Jobico needs to connect to the server. */
  environmentOf(program: Program): Readonly<Record<string, string>>
  /** Creates a Job with one event and a queue that is large enough; 1 GiB if it is not said. */
  newJob(maxBytes?: number): Promise<EventRef>
  close(): Promise<void>
}

/** The programs that are measured. */
export type Program = 'listener' | 'runner'

/** How the nats-server of a place is started. */
export interface PlaceOptions extends Pick<StartOptions, 'syncInterval'> {
  /** Whether it takes connections with credentials only. */
  readonly identities?: boolean
}

const ROOM_BYTES = 2 ** 30
/** All Jobs are in it. */
const NAMESPACE = 'bench'

/** Starts the nats-server of a place; `environment` is where to look for the program. */
export async function openPlace(
  environment: Readonly<Record<string, string | undefined>>,
  { identities: isOn = false, syncInterval }: PlaceOptions = {},
): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'jobico-bench-'))
  const account = accountOf(NAMESPACE)
  const identities: ServerIdentities | undefined = isOn
    ? { keys: newKeys(new Date()), accounts: [account], accountOf }
    : undefined
  const server = await startNatsServer({
    ...{ storeDir: join(folder, 'nats'), environment },
    ...(syncInterval === undefined ? {} : { syncInterval }),
    ...(identities && { identities }),
  })
  const connection = await connectNats({
    ...{ url: server.url, name: 'bench' },
    credentials: identities && credentials(identities.keys, account, 'operator'),
  })
  const manager = await jetstreamManager(connection)
  let jobs = 0
  return {
    folder,
    natsUrl: server.url,
    serverPid: server.pid,
    connection,
    manager,
    environmentOf(program) {
      const env = { NATS_URL: server.url }
      if (identities === undefined) return env
      const credsFile = join(folder, `${program}.creds`)
      writeFileSync(credsFile, credentials(identities.keys, account, program), { mode: 0o600 })
      return { ...env, NATS_CREDS_FILE: credsFile }
    },
    async newJob(maxBytes = ROOM_BYTES) {
      const ref = { namespace: NAMESPACE, job: `job-${++jobs}`, event: 'ev1' }
      await ensureQueues(connection, {
        ref,
        queue: { storage: 'File', maxBytes, duplicateWindowSeconds: 120, replicas: 1 },
        events: [ref.event],
        metadata: {},
      })
      return ref
    },
    async close() {
      await connection.close()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A process of Jobico that is measured. */
export interface Subject {
  /** Waits for a log line with this message. */
  said(message: string): Promise<Readonly<Record<string, unknown>>>
  stop(): Promise<void>
}

/** Starts the bundled `listener` or `runner` with its environment variables, as production does. */
export function startSubject(
  program: Program,
  place: Pick<Place, 'environmentOf'>,
  ref: EventRef,
  more: Record<string, string>,
): Subject {
  const env = {
    ...place.environmentOf(program),
    JOBICO_NAMESPACE: ref.namespace,
    JOBICO_JOB: ref.job,
    JOBICO_EVENT: ref.event,
    METRICS_PORT: '0',
    ...more,
  }
  const main = join(import.meta.dirname, '..', '..', 'dist', `${program}.js`)
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  return {
    async said(message) {
      const fields = await lineThatSays(child.stdout, message)
      if (fields === undefined) throw new Error(`the ${program} ended before it said "${message}"`)
      child.stdout.resume() // discards the rest of the output, at almost no cost
      return fields
    },
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function lineThatSays(
  output: Readable,
  message: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  for await (const line of createInterface({ input: output })) {
    const fields = JSON.parse(line) as Record<string, unknown>
    if (fields['msg'] === message) return fields
  }
  return undefined
}
