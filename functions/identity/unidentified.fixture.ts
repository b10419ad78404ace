import { startNatsServer } from '../../scripts/nats-server/start.ts'
import { connectNats } from '../jetstream/connection.ts'
import { openModuleStore } from '../modules/module-store.ts'
import { ensureQueues } from '../queues/lifecycle.ts'
import { eventSubjects } from '../queues/names.ts'

/** The Jobs whose streams storeWithoutIdentities makes, each with one pending event and one dead letter. */
export const STORED_JOBS = [
  { namespace: 'shop', job: 'orders' },
  { namespace: 'default', job: 'echo' },
] as const

/** Fills a store by a server that lets everybody in: two Jobs, and the module `a.wasm` of the namespace shop. */
export async function storeWithoutIdentities(storeDir: string): Promise<void> {
  const server = await startNatsServer({ storeDir, environment: process.env })
  const connection = await connectNats({ url: server.url, name: 'test' })
  for (const ref of STORED_JOBS) {
    await ensureQueues(connection, {
      ref,
      queue: { storage: 'File', maxBytes: 8 * 2 ** 20, duplicateWindowSeconds: 120, replicas: 1 },
      events: ['ev1'],
      metadata: {},
    })
    const subjects = eventSubjects({ ...ref, event: 'ev1' })
    await connection.request(subjects.queued('a'), 'x')
    await connection.request(subjects.record('b', 'dead'), 'x')
  }
  const store = await openModuleStore(connection, 'shop', { create: {} })
  await store.put('a.wasm', Buffer.from('module'))
  await connection.close()
  await server.stop()
}
