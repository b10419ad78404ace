import { parentPort, workerData } from 'node:worker_threads'

import type { CloudEvent } from '../../functions/cloudevents/cloudevent.ts'
import { openGuest, type ExecutionResult, type GuestSettings } from './guest.ts'

/** The task of a thread: one event in one module. */
export interface GuestTask {
  readonly module: Uint8Array
  readonly settings: GuestSettings
  readonly event: CloudEvent
}

/** What the thread posts: that the execution begins, then its outcome. */
export type GuestAnswer = { readonly kind: 'begun' } | ({ readonly kind: 'ran' } & ExecutionResult)

if (!parentPort) throw new Error('this file is the entry of a worker thread')
const post = (answer: GuestAnswer) => parentPort?.postMessage(answer)

const { module, settings, event } = workerData as GuestTask
const run = openGuest(module, settings)
post({ kind: 'begun' })
post({ kind: 'ran', ...run(event) })
