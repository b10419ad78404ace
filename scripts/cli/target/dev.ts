import { join } from 'node:path'

import type { FoundInstance } from '../../dev/instance.ts'
import { stateDir } from '../../dev/state-dir.ts'
import { lazyNats } from './lazy-nats.ts'
import type { DevTarget } from './target.ts'

/** A running `jobico dev` as a target: its gateway and its NATS. */
export function devTarget({ folder, instance }: FoundInstance): DevTarget {
  return {
    kind: 'dev',
    place: `jobico dev of ${folder} at ${instance.url}`,
    listener: (event) => Promise.resolve({ url: `${instance.url}/listener/${event}`, isFound: true }),
    ...lazyNats(async () => {
      const { devAccess } = await import('../../dev/keys.ts')
      const place = { storeDir: join(stateDir(folder), 'nats'), environment: process.env }
      return { ...devAccess(instance.natsUrl, place, 'cli'), isFound: true }
    }, 'see whether jobico dev still runs, and try again'),
    holds: () => true,
    served: instance.events,
    events: () => Promise.resolve(instance.events),
  }
}
