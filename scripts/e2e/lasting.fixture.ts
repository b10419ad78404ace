import type { Test } from 'tap'

import { startCase, type Case } from './case.fixture.ts'
import { accepted } from './http.fixture.ts'
import { resultOf, type Nats } from './nats.fixture.ts'
import { event, job, modules, MODULE, schema } from './objects.fixture.ts'

/** A Job that is to last whatever happens around it. */
export interface Lasting {
  readonly c: Case
  readonly name: string
  readonly url: string
  /** Sends an event, and checks that it is done. */
  works(t: Test, nats: Nats, words: string): Promise<void>
}

const EVENT = 'lasting'

/** Makes a Job in a namespace of its own, and waits until it is Ready. */
export async function startLasting(t: Test, slug: string): Promise<Lasting> {
  const c = await startCase(t, slug)
  const name = 'lasting'
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job(name, [event(EVENT)]))
  await c.ready(name)
  const url = await c.url(name, EVENT)
  return {
    c,
    name,
    url,
    async works(t, nats, words) {
      const key = await accepted(url, { n: 1 })
      const [verdict] = await nats.ended({ namespace: c.namespace, job: name, event: EVENT }, [key])
      t.same(resultOf(verdict), { version: 'v1', n: 1 }, words)
    },
  }
}
