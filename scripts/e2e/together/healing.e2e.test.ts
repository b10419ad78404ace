import t from 'tap'

import { streamNames } from '../../../functions/queues/names.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import { selectorOf } from '../../../knative/resources/labels.ts'
import { startCase } from '../case.fixture.ts'
import { childNames, childrenFor } from '../children.fixture.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { accepted } from '../http.fixture.ts'
import { openNats, resultOf } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'

const JOB = 'heal'

t.test('children that are deleted or edited by hand are restored', async (t) => {
  const c = await startCase(t, 'heal')
  const nats = await openNats(t, c.namespace)
  const ref = { namespace: c.namespace, job: JOB, event: 'ev1' }
  await c.apply(await modules({ [MODULE]: 'v1' }), schema(), job(JOB, [event('ev1')]))
  await c.ready(JOB)
  const [copy] = await c.list(KINDS.configMap, selectorOf({ job: JOB }))
  const works = async (t: { same: (a: unknown, b: unknown, words: string) => unknown }) => {
    await c.ready(JOB)
    const key = await accepted(await c.url(JOB, 'ev1'), { n: 1 })
    const [verdict] = await nats.ended(ref, [key])
    t.same(resultOf(verdict), { version: 'v1', n: 1 }, 'it works')
  }

  const deletions = [
    { kind: KINDS.knativeService, name: 'listener-ev1' },
    { kind: KINDS.deployment, name: 'runner-ev1' },
    { kind: KINDS.scaledObject, name: 'runner-ev1' },
    { kind: KINDS.configMap, name: copy?.metadata.name ?? '' },
  ]
  await t.test('deleted', async (t) => {
    const before = new Map<string, string | undefined>()
    for (const { kind, name } of deletions)
      before.set(name + kind.kind, (await c.get(kind, name))?.metadata.uid)
    const resource = ({ plural, apiVersion }: (typeof deletions)[number]['kind']) =>
      apiVersion.includes('/') ? `${plural}.${apiVersion.split('/')[0] ?? ''}` : plural
    for (const { kind, name } of deletions) await c.kubectl('delete', resource(kind), name, '--wait=false')
    for (const { kind, name } of deletions)
      await eventually(`the ${kind.kind} ${name} is made anew`, async () => {
        const live = await c.get(kind, name)
        const isNew = live !== undefined && live.metadata.uid !== before.get(name + kind.kind)
        return isNew && live.metadata.deletionTimestamp === undefined
      })
    await works(t)
    t.same(await childNames(c, JOB), childrenFor('ev1'))
  })

  await t.test('edited', async (t) => {
    const edits = [
      {
        kind: KINDS.knativeService,
        name: 'listener-ev1',
        patch: {
          spec: { template: { metadata: { annotations: { 'autoscaling.knative.dev/max-scale': '3' } } } },
        },
        still: /"autoscaling.knative.dev\/max-scale":"10"/,
      },
      {
        kind: KINDS.deployment,
        name: 'runner-ev1',
        patch: { spec: { template: { spec: { terminationGracePeriodSeconds: 1 } } } },
        still: /"terminationGracePeriodSeconds":(?!1\b)\d+/,
      },
      {
        kind: KINDS.scaledObject,
        name: 'runner-ev1',
        patch: { spec: { maxReplicaCount: 77 } },
        still: /"maxReplicaCount":10\b/,
      },
      {
        kind: KINDS.deployment,
        name: 'runner-ev1',
        patch: { metadata: { labels: { 'jobico.coeux.dev/event': 'stolen' } } },
        still: /"jobico.coeux.dev\/event":"ev1"/,
      },
    ]
    for (const { kind, name, patch, still } of edits) {
      const resource = `${kind.plural}.${kind.apiVersion.split('/')[0] ?? ''}`
      await c.kubectl('patch', resource, name, '--type=merge', '-p', JSON.stringify(patch))
      await eventually(`the ${kind.kind} ${name} is as it was: ${String(still)}`, async () => {
        const { metadata, ...rest } = (await c.get(kind, name)) ?? { metadata: undefined }
        return still.test(JSON.stringify({ labels: metadata?.labels, ...rest }))
      })
    }
    await works(t)
  })

  await t.test('streams and consumers', async (t) => {
    const { queue, events } = streamNames(ref)
    await nats.manager.consumers.delete(queue, 'ev1')
    await nats.manager.streams.update(events, { max_msgs: 1_000 })
    await eventually('the consumer is made anew', async () => {
      const consumer = await nats.manager.consumers.info(queue, 'ev1')
      return consumer.name === 'ev1'
    })
    await works(t)
    await nats.manager.streams.delete(events)
    await eventually('the stream is made anew', async () => (await nats.stream(events)) !== undefined)
    await works(t)
  })
})
