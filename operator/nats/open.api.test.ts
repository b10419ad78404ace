import t from 'tap'

import { eventKey, eventSubjects } from '../../functions/queues/names.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { NATS_CREDENTIALS } from '../../knative/resources/nats-identity.ts'
import { eventually } from '../../scripts/testing/eventually.fixture.ts'
import {
  jobObject,
  moduleBytes,
  moduleConfigMap,
  schemaConfigMap,
  startOperator,
} from '../operator.fixture.ts'

t.test('servers that still let everybody in serve as before, and each Job says so', async (t) => {
  const operator = await startOperator(t, { accounts: true, open: true })
  const { kube } = operator
  await operator.install('knative')
  await operator.install('keda')
  const namespace = await operator.newNamespace()
  await operator.apply(KINDS.configMap, schemaConfigMap(namespace, 'ev1', '{}'))
  await operator.apply(KINDS.configMap, moduleConfigMap(namespace, 'ev1.wasm', moduleBytes()))
  await operator.apply(KINDS.job, jobObject(namespace, 'orders', ['ev1']))
  const job = await operator.condition(namespace, 'orders', { type: 'QueueReady', reason: 'NatsOpen' })
  const queue = job.status?.conditions?.find(({ type }) => type === 'QueueReady')
  t.match(queue, { status: 'Unknown', message: /lets everybody in.*identities\.conf/ })
  await eventually('it is served', () => kube.get(KINDS.scaledObject, { namespace, name: 'runner-ev1' }))
  const secret = await kube.get<KubeObject & { readonly data: Record<string, string> }>(KINDS.secret, {
    namespace,
    name: NATS_CREDENTIALS,
  })
  const listener = await operator.connect(
    Buffer.from(secret?.data['listener.creds'] ?? '', 'base64').toString(),
  )
  const subjects = eventSubjects({ namespace, job: 'orders', event: 'ev1' })
  const answer = await listener.request(subjects.queued(eventKey('/test', 'a')), '{}')
  t.match(answer.json(), { seq: 1 }, 'pods with credentials are served there, too')
})
