import t from 'tap'

import { KINDS } from '../../knative/kube/kinds.ts'
import { ANNOTATIONS, MANAGER } from '../../knative/resources/labels.ts'
import type { ScaledObject } from '../../knative/resources/scaled-object.ts'
import { until } from '../../scripts/testing/api-server.fixture.ts'
import {
  jobObject,
  moduleBytes,
  moduleConfigMap,
  schemaConfigMap,
  startOperator,
} from '../operator.fixture.ts'

const operator = await startOperator(t)
const { kube } = operator

t.test(
  'a ScaledObject of 0.1.0, whose triggers ask NATS, is changed in place',
  { timeout: 180_000 },
  async (t) => {
    const namespace = await operator.newNamespace()
    for (const what of ['knative', 'keda'] as const) await operator.install(what)
    await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'a.wasm', moduleBytes()))
    await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'a', '{"type":"object"}'))
    await operator.apply(KINDS.job, jobObject(namespace, 'shop', ['a']))
    const name = { namespace, name: 'runner-a' }
    const get = () => kube.get<ScaledObject>(KINDS.scaledObject, name)
    await until(async () => (await get()) !== undefined)
    const now = await get()
    if (now === undefined) throw new Error('no ScaledObject')
    t.match(now.spec.triggers, [
      { type: 'external-push', metadata: { job: 'shop', event: 'a', target: '8' } },
    ])
    const { apiVersion, kind, metadata, spec } = now
    const { labels, annotations, ownerReferences } = metadata
    const before = await kube.apply<ScaledObject>(
      KINDS.scaledObject,
      {
        apiVersion,
        kind,
        metadata: {
          ...name,
          labels,
          annotations: { ...annotations, [ANNOTATIONS.hash]: 'of-0.1.0' },
          ownerReferences,
        },
        spec: {
          ...spec,
          pollingInterval: 2,
          triggers: ['JOBICO_x', 'JOBICO_x_RETRY'].map((stream) => ({
            type: 'nats-jetstream',
            metadata: { natsServerMonitoringEndpoint: 'nats:8222', account: '$G', stream, consumer: 'a' },
          })),
        },
      },
      { manager: MANAGER, force: true },
    )
    t.equal(before.spec.triggers.length, 2)
    await until(async () => (await get())?.spec.triggers[0]?.type === 'external-push')
    const after = await get()
    t.same(after?.spec, now.spec)
    t.equal(after?.metadata.uid, now.metadata.uid, 'KEDA keeps what it knows of it')
  },
)
