import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { Place } from './place.ts'

const PROGRAM = join(import.meta.dirname, '..', '..', 'operator/scaler/wake.bench.ts')

/** How long the scaler takes to say that an idle event has its first message. */
export interface WakeTime {
  /** How many events were idle. */
  readonly events: number
  /** The 99th percentile from the PubAck, in milliseconds. */
  readonly p99: number
}

/** Measures it with a scaler in a process of its own. */
export async function measureWake({ natsUrl }: Pick<Place, 'natsUrl'>): Promise<WakeTime> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, natsUrl])
  return JSON.parse(stdout) as WakeTime
}
