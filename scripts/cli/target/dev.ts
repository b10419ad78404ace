import type { FoundInstance } from '../../dev/instance.ts'
import { lazyNats } from './lazy-nats.ts'
import type { DevTarget } from './target.ts'

/** A running `jobico dev` as a target: its gateway and its NATS. */
export function devTarget({ folder, instance }: FoundInstance): DevTarget {
  return {
    kind: 'dev',
    place: `jobico dev of ${folder} at ${instance.url}`,
    listener: (event) => Promise.resolve({ url: `${instance.url}/listener/${event}`, isFound: true }),
    ...lazyNats(
      () => Promise.resolve({ url: instance.natsUrl, isFound: true }),
      'see whether jobico dev still runs, and try again',
    ),
    holds: () => true,
    served: instance.events,
    events: () => Promise.resolve(instance.events),
  }
}
