import type { Test } from 'tap'

import { startCase, type Case } from './case.fixture.ts'
import { accepted } from './http.fixture.ts'
import { resultOf, type Nats } from './nats.fixture.ts'
import { event, job, modules, MODULE, schema } from './objects.fixture.ts'

/** A Job that has to survive a disturbance of its surroundings, such as a restart of NATS. */
export interface ResilientJob {
  readonly c: Case
  readonly name: string
  readonly url: string
  /** Sends an event and checks its result; `message` is the name of the check. */
  works(t: Test, nats: Nats, message: string): Promise<void>
}

const EVENT = 'lasting'

/** Creates a Job with such a queue in a namespace of its own, and waits until it is Ready. */
export async function startResilientJob(t: Test, slug: string, queue: object = {}): Promise<ResilientJob> {
  const c = await startCase(t, slug)
  const name = 'lasting'
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job(name, [event(EVENT)], queue))
  await c.ready(name)
  const url = await c.url(name, EVENT)
  return {
    c,
    name,
    url,
    async works(t, nats, message) {
      const key = await accepted(url, { n: 1 })
      const [verdict] = await nats.ended({ namespace: c.namespace, job: name, event: EVENT }, [key])
      t.same(resultOf(verdict), { version: 'v1', n: 1 }, message)
    },
  }
}
