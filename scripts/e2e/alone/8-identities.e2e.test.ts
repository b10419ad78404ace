import { jetstreamManager } from '@nats-io/jetstream'
import t, { type Test } from 'tap'

import { connectNats } from '../../../functions/jetstream/connection.ts'
import { jobOfAnyStream } from '../../../functions/queues/names.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import { ANNOTATIONS } from '../../../knative/resources/labels.ts'
import { credentialsKey, NATS_CREDENTIALS, NATS_KEYS } from '../../../knative/resources/nats-identity.ts'
import { eventually } from '../../testing/eventually.fixture.ts'
import { startFlow } from '../flow.fixture.ts'
import { kube, mustKubectl, SYSTEM } from '../kube.fixture.ts'
import { natsUrl, openNats } from '../nats.fixture.ts'
import { startResilientJob } from '../resilient-job.fixture.ts'

/** The image has no program but Node. */
const PRINT_CREDENTIALS = `process.stdout.write(require('node:fs').readFileSync('/etc/jobico/nats/nats.creds'))`

type Part = 'listener' | 'runner' | 'cli'

async function credentialsOf(namespace: string, part: Part = 'cli'): Promise<string> {
  const name = { namespace, name: NATS_CREDENTIALS }
  const secret = await kube.get<KubeObject & { readonly data?: Record<string, string> }>(KINDS.secret, name)
  return Buffer.from(secret?.data?.[credentialsKey(part)] ?? '', 'base64').toString()
}

async function connect(t: Test, credentials?: string) {
  const connection = await connectNats({
    ...{ url: await natsUrl(), name: 'e2e', firstWithinMs: 10_000 },
    ...(credentials === undefined ? {} : { credentials }),
  })
  t.teardown(() => connection.close())
  return connection
}

t.test('nobody gets into NATS without credentials, nor into another namespace', async (t) => {
  const [one, other] = [await startResilientJob(t, 'own'), await startResilientJob(t, 'others')]
  await t.rejects(connect(t), { message: /Authorization Violation/ })
  for (const { c } of [one, other]) {
    const manager = await jetstreamManager(await connect(t, await credentialsOf(c.namespace)))
    const seen = new Set<string | undefined>()
    for await (const name of manager.streams.names())
      if (name.startsWith('JOBICO_')) seen.add(jobOfAnyStream(name)?.namespace)
    t.same([...seen], [c.namespace])
  }
})

t.test('keys are rotated while events come', async (t) => {
  // It lasts some minutes, and the outcomes of all events are looked at in the end.
  const lasting = await startResilientJob(t, 'rotation', { maxBytes: '64Mi' })
  const { c, name, url } = lasting
  const before = await credentialsOf(c.namespace)
  const ask = (value: string) =>
    mustKubectl([
      ...['annotate', 'secret', NATS_KEYS.secret, '-n', SYSTEM, '--overwrite'],
      `${ANNOTATIONS.rotation}=${value}`,
    ])
  const says = (wanted: string | undefined) =>
    eventually(
      `the rotation is at ${wanted ?? 'its end'}`,
      async () => {
        const found = await kube.get(KINDS.secret, { namespace: SYSTEM, name: NATS_KEYS.secret })
        return found?.metadata.annotations?.[ANNOTATIONS.rotation] === wanted
      },
      { withinMs: 300_000, everyMs: 1_000 },
    )
  const restart = async () => {
    await mustKubectl(['rollout', 'restart', 'statefulset/nats', '-n', SYSTEM])
    await mustKubectl(['rollout', 'status', 'statefulset/nats', '-n', SYSTEM, '--timeout=300s'])
  }
  const flow = startFlow(url, (n) => ({ n }))
  t.teardown(() => flow.stop())
  await ask('Begin')
  await says('RestartServers')
  await restart()
  await says('Switched')
  await eventually(
    'the namespace has new credentials',
    async () => (await credentialsOf(c.namespace)) !== before,
  )
  await eventually(
    'the kubelet has brought them into all pods',
    async () => {
      const files = await Promise.all(
        (['listener', 'runner'] as const).map(async (part) => {
          const wanted = await credentialsOf(c.namespace, part)
          const pods = await c.pods(part, 'lasting')
          const have = pods.map(({ metadata }) =>
            c.kubectl('exec', metadata.name, '-c', part, '--', 'node', '-e', PRINT_CREDENTIALS),
          )
          return pods.length > 0 && (await Promise.all(have)).every((text) => text.trim() === wanted.trim())
        }),
      )
      return files.every(Boolean)
    },
    { withinMs: 300_000, everyMs: 5_000 },
  )
  await ask('End')
  await says(undefined)
  await restart()
  const { accepted } = await flow.stop()
  t.ok(accepted.length > 0)
  await t.rejects(connect(t, before), { message: /Authorization Violation/ }, 'the old key is of no use')
  const nats = await openNats(t, c.namespace)
  const verdicts = await nats.ended({ namespace: c.namespace, job: name, event: 'lasting' }, accepted)
  t.equal(verdicts.length, accepted.length, 'nothing is lost')
  await c.ready(name)
  await lasting.works(t, nats, 'it works after')
})
