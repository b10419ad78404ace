import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { newEvent, startFixture, until } from '../../runner/runner.fixture.ts'
import { HEALTH } from '../../process/health.ts'
import { testFolder } from '../../../scripts/testing/test-folder.fixture.ts'
import { fromAssemblyScript } from '../test-modules.ts'

const MOST_MS = 100
const PROBE_EVERY_MS = 20
/** What may be late by the machine's doing, where others use it too. */
const LATE_SHARE = 0.05

const ATTACKS = `
class Link { next: Link | null = null; filling: StaticArray<u8> = new StaticArray<u8>(1000000) }
function deep(n: i32): i32 { return n < 0 ? 0 : deep(n + 1) + 1 }

export function handle(event: string): string | null {
  if (event.includes('"do":"loop"')) { while (true) {} }
  if (event.includes('"do":"lines"')) { while (true) console.log('x'.repeat(10000)) }
  if (event.includes('"do":"memory"')) { let last: Link | null = null; while (true) { const link = new Link(); link.next = last; last = link } }
  if (event.includes('"do":"deep"')) return deep(0).toString()
  if (event.includes('"do":"large"')) return '"' + 'x'.repeat(3000000) + '"'
  if (event.includes('"do":"trap"')) unreachable()
  return '1'
}`
const attacks = {
  loop: 'TIMEOUT',
  lines: 'TIMEOUT',
  memory: 'MODULE_TRAP',
  deep: 'MODULE_TRAP',
  large: 'RESULT_TOO_LARGE',
  trap: 'MODULE_TRAP',
}

t.test('while a runner is attacked, its health is told in time, and other events go on', async (t) => {
  const fixture = await startFixture(t)
  const module = join(testFolder(t), 'attacks.wasm')
  await writeFile(module, await fromAssemblyScript(ATTACKS, '-O'))
  const ref = await fixture.newJob()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}${HEALTH.ready}`
  const isReady = async () => (await fetch(url).catch(() => undefined))?.status === 200
  fixture.spawn(t, ref, {
    JOBICO_MODULE: module,
    JOBICO_CONCURRENCY: '2',
    JOBICO_TIMEOUT_MS: '4000',
    JOBICO_MAX_ATTEMPTS: '1',
    METRICS_PORT: String(port),
  })
  await until(isReady)
  for (const [name, code] of Object.entries(attacks)) {
    const attacked = ['a', 'b'].map((id) => fixture.accept(ref, newEvent({ do: name }, `${name}-${id}`)))
    const other = await fixture.accept(ref, newEvent({ do: 'nothing' }, `${name}-other`))
    const probing = new AbortController()
    const probes = probe(url, probing.signal)
    for (const key of await Promise.all(attacked))
      t.match(await fixture.ended(ref, key), { state: 'dead', verdict: { code } }, name)
    t.match(await fixture.ended(ref, other), { state: 'done' }, `${name}: another event`)
    probing.abort()
    const times = await probes
    const late = times.filter((ms) => ms > MOST_MS)
    t.ok(late.length <= 1 + times.length * LATE_SHARE, `${name}: ${late.length} of ${times.length} were late`)
  }
})

/** Asks again and again; gives how long each answer took. Rejects where one was none. */
async function probe(url: string, signal: AbortSignal): Promise<number[]> {
  const times: number[] = []
  while (!signal.aborted) {
    const began = performance.now()
    const { status } = await fetch(url)
    if (status !== 200) throw new Error(`the health is ${status}`)
    times.push(performance.now() - began)
    await delay(PROBE_EVERY_MS)
  }
  return times
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
