import { fileURLToPath } from 'node:url'

import t, { type Test } from 'tap'

import { PERSON } from '../../cli/cli.fixture.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { startCase, timed, type Case } from '../case.fixture.ts'
import { jobico } from '../jobico.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { openNats, resultOf } from '../nats.fixture.ts'
import { moduleFile, modules } from '../objects.fixture.ts'
import { acceptedKeys, scaleFromZero } from '../scale-from-zero.fixture.ts'

/** The example of the original system; a test beside the CRD holds it against the reference. */
const EXAMPLE = fileURLToPath(new URL('../../../wasm-examples/echo/job.yaml', import.meta.url))
const JOB = 'job-for-ev1'
const EVENT = 'ev1'

t.jobs = 2

const routes: readonly {
  readonly name: string
  readonly slug: string
  readonly bring: (t: Test, c: Case) => Promise<void>
}[] = [
  {
    name: 'with its module in a ConfigMap',
    slug: 'seed-map',
    bring: async (_t, c) => c.apply(await modules({ 'echo.wasm': 'echo' })),
  },
  {
    name: 'with its module pushed',
    slug: 'seed-push',
    bring: async (t, c) => {
      const pushed = await jobico(c.namespace, t.testdir({}), 'push', moduleFile('echo'))
      t.match(pushed, { code: 0 }, pushed.stderr)
    },
  },
]

for (const { name, slug, bring } of routes) {
  t.test(`the example of the original system, ${name}`, { buffered: true }, async (t) => {
    const c = await startCase(t, slug)
    const nats = await openNats(t, c.namespace)
    const ref = { namespace: c.namespace, job: JOB, event: EVENT }
    const live = await timed('apply to Ready', async () => {
      await c.kubectl('apply', '-f', EXAMPLE)
      await bring(t, c)
      return await c.ready(JOB)
    })
    t.match(live.status, {
      eventsReady: '1/1',
      observedGeneration: 1,
      events: [{ name: EVENT, ready: true }],
    })
    t.same(
      live.status?.conditions?.map(({ type, status }) => `${type} ${status}`).sort(),
      ['ListenersReady', 'ModulesReady', 'QueueReady', 'Ready', 'RunnersReady', 'SchemasReady'].map(
        (type) => `${type} True`,
      ),
    )

    const [verdict] = await scaleFromZero(t, {
      c,
      nats,
      ref,
      request: {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ data: [PERSON] }),
      },
      keysOf: acceptedKeys,
    })
    t.same(resultOf(verdict), PERSON, 'the result is what was sent')
    t.match(verdict, {
      result: {
        attributes: {
          type: 'dev.coeux.jobico.ev1.result',
          source: `/namespaces/${c.namespace}/jobs/${JOB}/events/${EVENT}`,
        },
      },
    })
    await eventually('kubectl logs -levent=ev1 shows what the module says', async () =>
      /Got event /.test(await c.kubectl('logs', `-levent=${EVENT}`)),
    )
    const told = await c.list<{ metadata: { name: string }; regarding?: { name?: string }; reason?: string }>(
      KINDS.event,
    )
    t.ok(
      told.some(({ regarding, reason }) => regarding?.name === JOB && reason === 'Ready'),
      'a Kubernetes Event tells that the Job became Ready',
    )
  })
}
