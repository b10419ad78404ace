import { parentPort, workerData } from 'node:worker_threads'

import type { CloudEvent } from '../../functions/cloudevents/cloudevent.ts'
import { openGuest, type Ran, type Surroundings } from './guest.ts'

/** What a thread is started for: one event in one module. */
export interface GuestTask {
  readonly module: Uint8Array
  readonly surroundings: Surroundings
  readonly event: CloudEvent
}

/** What the thread says: that it begins, then what came of it. */
export type GuestAnswer = { readonly kind: 'begun' } | ({ readonly kind: 'ran' } & Ran)

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const say = (answer: GuestAnswer) => parentPort?.postMessage(answer)

const { module, surroundings, event } = workerData as GuestTask
const run = openGuest(module, surroundings)
say({ kind: 'begun' })
say({ kind: 'ran', ...run(event) })
