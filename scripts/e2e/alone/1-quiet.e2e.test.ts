import { setTimeout as delay } from 'node:timers/promises'

import t from 'tap'

import { KINDS, type Kind } from '../../../knative/kube/kinds.ts'
import { startCase, type Case } from '../case.fixture.ts'
import { caseConfig } from '../config.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { mustKubectl } from '../kube.fixture.ts'
import { allStreams } from '../nats.fixture.ts'
import { event, job, modules, MODULE, schema } from '../objects.fixture.ts'
import { requestsSoFar } from '../operator.fixture.ts'

const STEADY_MS = 60_000
/** Watches that end and begin again, and what else there may be, in that time. */
const FEW = 8
const WRITES = ['apply', 'create', 'replace', 'patch', 'remove']
const OURS: readonly Kind[] = [
  KINDS.job,
  KINDS.knativeService,
  KINDS.deployment,
  KINDS.scaledObject,
  KINDS.configMap,
]
const EVENTS = ['a', 'b', 'c', 'd']

/** Waits until nothing is left of the cases before this one: what they made goes with their namespaces. */
async function othersAreGone(own: string): Promise<void> {
  const { run } = caseConfig()
  await eventually(
    'the namespaces are gone',
    async () => {
      const names = await mustKubectl([
        'get',
        'namespaces',
        '-lapp.kubernetes.io/part-of=jobico-e2e',
        '-o',
        'name',
      ])
      const left = names.split('\n').filter((name) => name.includes(run) && name !== `namespace/${own}`)
      if (left.length > 0) throw new Error(left.join(', '))
      return true
    },
    { withinMs: 300_000, everyMs: 2_000 },
  )
  await eventually(
    'their streams are gone',
    async () => {
      const left = (await allStreams()).filter((name) => isOfOthers(name, own))
      if (left.length > 0) throw new Error(left.join(', '))
      return true
    },
    { withinMs: 300_000, everyMs: 2_000 },
  )
}

function isOfOthers(stream: string, own: string): boolean {
  const ofThisRun = stream.startsWith('JOBICO_e2e-') && stream.includes(`-${caseConfig().run}_`)
  return ofThisRun && !stream.startsWith(`JOBICO_${own}_`)
}

/** The versions of all objects that are ours in a namespace. */
async function versionsIn(c: Case): Promise<Record<string, string | undefined>> {
  const lists = await Promise.all(
    OURS.map(async (kind) =>
      (await c.list(kind)).map(({ metadata: { name, resourceVersion } }) => [
        `${kind.kind} ${name}`,
        resourceVersion,
      ]),
    ),
  )
  return Object.fromEntries(lists.flat()) as Record<string, string | undefined>
}

t.test('what cases made is gone, and where nothing happens, nothing is written', async (t) => {
  const c = await startCase(t, 'steady')
  await c.apply(await modules({ [MODULE]: 'v1' }), schema())
  await c.apply(job('one', [event('a')]), job('two', [event('b')]), job('three', [event('c'), event('d')]))
  await Promise.all(['one', 'two', 'three'].map((name) => c.ready(name)))
  await othersAreGone(c.namespace)
  t.pass('nothing is left of the cases before')
  await Promise.all(EVENTS.flatMap((name) => [c.atZero('listener', name), c.atZero('runner', name)]))
  await eventually('the last changes are written', async () => {
    const before = await versionsIn(c)
    await delay(10_000)
    return JSON.stringify(await versionsIn(c)) === JSON.stringify(before)
  })

  const [versions, requests] = [await versionsIn(c), await requestsSoFar()]
  await delay(STEADY_MS)
  t.same(await versionsIn(c), versions, 'no object has changed')
  const made = [...(await requestsSoFar())]
    .map(([what, count]): [string, number] => [what, count - (requests.get(what) ?? 0)])
    .filter(([what, count]) => count > 0 && !what.endsWith(` ${KINDS.lease.kind}`))
  t.comment(`requests in ${STEADY_MS / 1_000} s but for the lease: ${JSON.stringify(made)}`)
  t.same(
    made.filter(([what]) => WRITES.some((verb) => what.startsWith(`${verb} `))),
    [],
    'the operator has written nothing',
  )
  const sum = made.reduce((total, [, count]) => total + count, 0)
  t.ok(sum <= FEW, `and asked no more than a few times, ${sum}`)
})
