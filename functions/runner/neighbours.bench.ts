import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { checkModule } from '../guests/check/check.ts'
import { createPool, type Pool } from './pool.ts'

// How long events take beside others that do harm on another thread of their pool, as a line of JSON: the 99th percentile in
// milliseconds, by what the other does. Its argument is a module that does what the text of its event says.

const ROUNDS = 4
const ROUND_MS = 2_000
const EVERY_MS = 5
const MEMORY_BYTES = 64 * 2 ** 20
/** The first one does nothing. */
const ATTACKS = ['calm', 'loop', 'trap', 'memory', 'flood'] as const

/** The times of events at a steady pace, while the attack is repeated on another thread. */
async function timesBeside(pool: Pool, attack: string): Promise<number[]> {
  const until = performance.now() + ROUND_MS
  const times: number[] = []
  const attacking = async () => {
    while (attack !== 'calm' && performance.now() < until) await pool.run('attack', { text: attack })
  }
  const serving = async () => {
    while (performance.now() < until) {
      const began = performance.now()
      await pool.run('other', { text: 'ok' })
      times.push(performance.now() - began)
      await delay(EVERY_MS)
    }
  }
  await Promise.all([attacking(), serving()])
  return times
}

function percentile99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? NaN
}

const file = process.argv[2] ?? ''
const module = checkModule(await readFile(file), { name: file, memoryBytes: MEMORY_BYTES })
const options = { module, concurrency: 2, timeoutMs: 1_000, env: {}, onLog: () => undefined }
const pool = await createPool({ ...options, onStuck: () => process.exit(1) })
const all = new Map<string, number[]>()
for (let round = 0; round < ROUNDS; round++)
  for (const attack of ATTACKS)
    all.set(attack, [...(all.get(attack) ?? []), ...(await timesBeside(pool, attack))])
await pool.close()
process.stdout.write(
  `${JSON.stringify(Object.fromEntries([...all].map(([attack, times]) => [attack, percentile99(times)])))}\n`,
)
