import { setTimeout as delay } from 'node:timers/promises'

import type { Test } from 'tap'

import { streamNames } from '../../../functions/queues/names.ts'
import type { System } from '../system/system.fixture.ts'

const WATCH_MS = 50

/** Watches how many bytes a Job has in NATS until the test ends. */
export function watchBytes(t: Test, system: System): { readonly most: () => number } {
  const { queue, events } = streamNames(system.ref())
  const { streams } = system.store.manager
  let most = 0
  let isOver = false
  const watch = async () => {
    while (!isOver) {
      const infos = await Promise.all([queue, events].map((name) => streams.info(name))).catch(() => [])
      most = Math.max(
        most,
        infos.reduce((sum, { state }) => sum + state.bytes, 0),
      )
      await delay(WATCH_MS)
    }
  }
  const watching = watch()
  t.teardown(async () => {
    isOver = true
    await watching
  })
  return { most: () => most }
}
