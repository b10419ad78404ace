import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { connectNats } from '../../functions/jetstream/connection.ts'
import { openModuleStore } from '../../functions/modules/module-store.ts'
import { createRandom } from '../faults/ledger/random.ts'
import { startSender } from '../faults/ledger/sender.ts'

// A process of its own, so that its work does not delay the sender whose results are timed.

const MODULE_BYTES = 64 * 2 ** 20
const STOP_LIMIT_MS = 5_000
const SLOW_DATA = Object.fromEntries(
  Array.from({ length: 2_000 }, (_, at) => [`${'ab'.repeat(20)}x${at}`, 1]),
)

/** What a hostile tenant attacks, and with what. */
export interface HostileTenant {
  readonly namespace: string
  readonly natsUrl: string
  readonly credentialsFile: string
  /** The ports of the listeners of its events. */
  readonly ports: Readonly<Record<'full' | 'loop' | 'slow', number>>
}

/** Does what a tenant can do to harm its neighbours, until standard input ends; then says what became of it. */
async function attack({ namespace, natsUrl, credentialsFile, ports }: HostileTenant): Promise<string> {
  const random = createRandom(1)
  const over = new AbortController()
  process.stdin.resume().once('end', () => over.abort())
  const target = (event: keyof typeof ports) => () => ({
    ...{ host: '127.0.0.1', port: ports[event], path: `/listener/${event}` },
  })
  const common = { again: false, mostInFlight: 100, random }
  const full = startSender({
    ...{ ...common, target: target('full'), perSecond: 100, prefix: 'full', actions: ['spin'] },
    data: { spinMs: 4_000, filler: 'x'.repeat(100_000) },
  })
  const loop = startSender({
    ...{ ...common, target: target('loop'), perSecond: 1, prefix: 'loop', actions: ['emit'] },
    data: { to: 'loop', copies: 45, quiet: true, filler: 'x'.repeat(2_000) },
  })
  const costly = startSender({
    ...{
      ...common,
      target: target('slow'),
      perSecond: 20,
      prefix: 'slow',
      mostInFlight: 10,
      actions: ['ok'],
    },
    data: SLOW_DATA,
  })
  const connection = await connectNats({
    ...{ url: natsUrl, name: 'hostile', credentials: readFileSync(credentialsFile, 'utf8') },
  })
  const store = await openModuleStore(connection, namespace)
  let modules = 0
  while (!over.signal.aborted) {
    await store.put('large.wasm', randomBytes(MODULE_BYTES)).then(
      () => modules++,
      () => undefined,
    )
    await delay(100)
  }
  const senders = await Promise.all([full, loop, costly].map((sender) => sender.stop(STOP_LIMIT_MS)))
  await connection.close()
  const counts = senders.map((sent) => `${sent.filter(({ accepted }) => accepted).length} of ${sent.length}`)
  return `${namespace}: accepted of a full queue ${counts[0]}, of an emit loop ${counts[1]}, of slow data ${counts[2]}; ${modules} modules`
}

const [, , options] = process.argv
if (options !== undefined && import.meta.filename === process.argv[1])
  process.stdout.write(await attack(JSON.parse(options) as HostileTenant))
