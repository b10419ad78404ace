import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager } from '@nats-io/jetstream'
import type { Test } from 'tap'

import { connectNats } from '../../../functions/jetstream/connection.ts'
import { createRequests } from '../../../functions/jetstream/requests.ts'
import { streamNames } from '../../../functions/queues/names.ts'
import { startDevCli } from '../../dev/dev.fixture.ts'
import { descendants } from '../../dev/processes/processes.fixture.ts'
import type { RunningInstance } from '../../dev/instance.ts'
import { writer } from '../../testing/nats.fixture.ts'
import { runCli, startCli, type RunningCli } from '../cli.fixture.ts'

/** The Job, and its events: one answers at once, one never ends. */
export const REF = { namespace: 'default', job: 'shop' }
export const ORDER = { ...REF, event: 'order' }
export const SLOW = { ...REF, event: 'slow' }
const FILES: Readonly<Record<string, string>> = {
  'job.yaml': `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: shop}
spec:
  queue: {maxBytes: 64Mi}
  events:
  - {name: order, wasm: order.wasm, schema: {key: any}}
  - {name: slow, wasm: slow.wasm, schema: {key: any}, timeoutSeconds: 3600, runner: {concurrency: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: any}
data: {any.json: '{"type":"object"}'}
`,
  'assembly/order.ts': `import { parseEvent, reject, retry } from 'jobico'

export function handle(text: string): string | null {
  const event = parseEvent(text)
  const says = event.data.string('do')
  if (says == 'reject') return reject('sold out')
  if (says == 'retry') return retry(3600, 'not yet')
  return event.dataText
}
`,
  // An event that runs stays in the queue until it has ended.
  'assembly/slow.ts': `export function handle(text: string): string | null {
  while (text.length > 0) {}
  return null
}
`,
}

/** A `jobico dev` with the Job, in a folder of its own. */
export async function startShop(t: Test, folder: string) {
  mkdirSync(join(folder, 'assembly'), { recursive: true })
  for (const [path, content] of Object.entries(FILES)) writeFileSync(join(folder, path), content)
  const dev = startDevCli(t, folder)
  // A runner would finish what never ends; dev itself is killed right after this.
  t.teardown(async () => {
    for (const pid of await descendants(dev.pid)) process.kill(pid, 'SIGKILL')
  })
  await dev.waitFor(/http:\S+\/listener\/order\n/)
  const instance = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as RunningInstance
  const connection = await connectNats({ url: instance.natsUrl, name: 'test' })
  const requests = createRequests(connection)
  t.teardown(async () => {
    requests.close()
    await connection.close()
  })
  const manager = await jetstreamManager(connection)
  const { queue, events } = streamNames(REF)
  const messages = async (stream: string) => (await manager.streams.info(stream)).state.messages
  return {
    ...{ folder, connection, manager, ...writer(requests) },
    cli: (...args: readonly string[]) => runCli(args, folder),
    start: (...args: readonly string[]): RunningCli => startCli(args, folder),
    queued: () => messages(queue),
    records: () => messages(events),
  }
}

export type Shop = Awaited<ReturnType<typeof startShop>>

/** Waits until a condition holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}
