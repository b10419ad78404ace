import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { checkModule } from '../../guests/check/check.ts'
import { createPool, type Pool } from './pool.ts'

// Prints how long events take while others run on another thread of the pool, as a line of JSON: the 99th percentile in
// milliseconds, by what the others do. Its argument is a module that does what the text of its event says.

const ROUNDS = 2
const TIMEOUT_MS = 10_000
/** Long enough for an endless loop to be stopped, and for its thread to be replaced. */
const ROUND_MS = TIMEOUT_MS + 500
const EVERY_MS = 3
const MEMORY_BYTES = 64 * 2 ** 20
/** What the other thread runs; it is idle for the first one. */
const NEIGHBOURS = ['nothing', 'ok', 'trap', 'flood', 'work', 'loop', 'laden', 'memory'] as const

/** Measures events at a steady rate, while the neighbour runs again and again on another thread. */
async function timesBeside(pool: Pool, neighbour: string): Promise<number[]> {
  const until = performance.now() + ROUND_MS
  const times: number[] = []
  const beside = async () => {
    while (neighbour !== 'nothing' && performance.now() < until) await pool.run('beside', { text: neighbour })
  }
  const measured = async () => {
    while (performance.now() < until) {
      const began = performance.now()
      await pool.run('measured', { text: 'ok' })
      times.push(performance.now() - began)
      await delay(EVERY_MS)
    }
  }
  await Promise.all([beside(), measured()])
  return times
}

function percentile99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? NaN
}

const file = process.argv[2] ?? ''
const module = checkModule(await readFile(file), { name: file, memoryBytes: MEMORY_BYTES })
const options = { module, concurrency: 2, timeoutMs: TIMEOUT_MS, env: {}, onLog: () => undefined }
const pool = await createPool({ ...options, onStuck: () => process.exit(1) })
const all = new Map<string, number[]>()
for (let round = 0; round < ROUNDS; round++)
  for (const neighbour of NEIGHBOURS)
    all.set(neighbour, [...(all.get(neighbour) ?? []), ...(await timesBeside(pool, neighbour))])
await pool.close()
process.stdout.write(
  `${JSON.stringify(Object.fromEntries([...all].map(([neighbour, times]) => [neighbour, percentile99(times)])))}\n`,
)
