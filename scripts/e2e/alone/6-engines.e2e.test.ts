import t, { type Test } from 'tap'

import { KINDS } from '../../../knative/kube/kinds.ts'
import { kubectl, mustKubectl } from '../kube.fixture.ts'
import { startResilientJob } from '../resilient-job.fixture.ts'
import { openNats } from '../nats.fixture.ts'
import { operatorRestarts } from '../operator.fixture.ts'

interface Definition {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly labels?: object
    readonly annotations?: object
  }
  readonly spec: object
}

/** A definition of a kind, as one can apply it again. */
async function definitionOf(name: string): Promise<string> {
  const text = await mustKubectl(['get', 'crd', name, '-o', 'json'])
  const { apiVersion, kind, metadata, spec } = JSON.parse(text) as Definition
  const { labels, annotations } = metadata
  return JSON.stringify({ apiVersion, kind, metadata: { name, labels, annotations }, spec })
}

function restore(definition: string): Promise<unknown> {
  return kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], definition)
}

const ENGINES = [
  {
    name: 'KEDA',
    slug: 'no-keda',
    crd: 'scaledobjects.keda.sh',
    type: 'RunnersReady',
    reason: 'KedaMissing',
    kind: KINDS.scaledObject,
    child: 'runner-lasting',
  },
  {
    name: 'Knative',
    slug: 'no-knative',
    crd: 'services.serving.knative.dev',
    type: 'ListenersReady',
    reason: 'KnativeMissing',
    kind: KINDS.knativeService,
    child: 'listener-lasting',
  },
]

for (const engine of ENGINES) {
  t.test(`${engine.name} is not installed`, async (t: Test) => {
    const lasting = await startResilientJob(t, engine.slug)
    const { c, name } = lasting
    const nats = await openNats(t, c.namespace)
    const restarts = await operatorRestarts()
    const definition = await definitionOf(engine.crd)
    t.teardown(() => restore(definition))
    await mustKubectl(['delete', 'crd', engine.crd, '--timeout=180s'])
    await c.condition(name, {
      type: engine.type,
      status: 'False',
      reason: engine.reason,
      message: new RegExp(`${engine.name}.*install`),
    })
    await c.condition(name, { type: 'Ready', status: 'False', reason: engine.reason })
    await restore(definition)
    await c.ready(name, { withinMs: 240_000 })
    t.ok(await c.get(engine.kind, engine.child), 'the child is made again')
    await lasting.works(t, nats, 'and it works')
    t.same(await operatorRestarts(), restarts, 'no operator was started anew')
  })
}
