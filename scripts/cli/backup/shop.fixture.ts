import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { jetstreamManager } from '@nats-io/jetstream'
import type { Test } from 'tap'

import { createRequests } from '../../../functions/jetstream/requests.ts'
import { streamNames } from '../../../functions/queues/names.ts'
import { connectToDev, startDevCli } from '../../dev/dev.fixture.ts'
import { descendants } from '../../dev/processes/processes.fixture.ts'
import type { RunningInstance } from '../../dev/instance.ts'
import { writer } from '../../testing/nats.fixture.ts'
import { runCli, startCli, type RunningCli } from '../cli.fixture.ts'

/** The Job, and its events: one is run at once, one stays in the queue, since its runner is stopped. */
export const REF = { namespace: 'default', job: 'shop' }
export const ORDER = { ...REF, event: 'order' }
export const HELD = { ...REF, event: 'held' }
const FILES: Readonly<Record<string, string>> = {
  'job.yaml': `apiVersion: jobico.coeux.dev/v1
kind: Job
metadata: {name: shop}
spec:
  queue: {maxBytes: 64Mi}
  events:
  - {name: order, wasm: order.wasm, schema: {key: any}}
  - {name: held, wasm: held.wasm, schema: {key: any}}
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
  'assembly/held.ts': `export function handle(text: string): string | null {
  return null
}
`,
}

/** A `jobico dev` with the Job, in a folder of its own. */
export async function startShop(t: Test, folder: string) {
  mkdirSync(join(folder, 'assembly'), { recursive: true })
  for (const [path, content] of Object.entries(FILES)) writeFileSync(join(folder, path), content)
  const dev = startDevCli(t, folder)
  await dev.waitFor(/http:\S+\/listener\/order\n/)
  await holdRunner(t, dev.pid)
  const instance = JSON.parse(readFileSync(join(folder, '.jobico', 'dev.json'), 'utf8')) as RunningInstance
  const connection = await connectToDev(folder, instance.natsUrl)
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

/** Stops the runner of the event whose events are to stay in the queue. */
async function holdRunner(t: Test, devPid: number): Promise<void> {
  const isHeld = (pid: number) => {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return (
      environment.includes(`JOBICO_EVENT=${HELD.event}`) &&
      environment.some((each) => /^JOBICO_MODULE=/.test(each))
    )
  }
  const runners = (await descendants(devPid)).filter(isHeld)
  if (runners.length !== 1) throw new Error(`${runners.length} runners of ${HELD.event}`)
  for (const pid of runners) {
    process.kill(pid, 'SIGSTOP')
    // A process that is stopped does not notice that dev, which is killed right after this, is gone.
    t.teardown(() => process.kill(pid, 'SIGKILL'))
  }
}

export type Shop = Awaited<ReturnType<typeof startShop>>

/** Waits until a condition holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10)
}
