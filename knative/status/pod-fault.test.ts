import t from 'tap'

import type { Condition } from '../kube/object.ts'
import type { ContainerStatus, PodObject } from './observed.ts'
import { podFault } from './pod-fault.ts'
import type { State } from './state.ts'

const NOW = new Date('2026-01-01T00:10:00Z')
const LONG_AGO = '2026-01-01T00:00:00Z'
const JUST_NOW = '2026-01-01T00:09:50Z'

/** A pod that is not ready since `since`, and what else there is to say of it. */
function pod(
  container: Partial<ContainerStatus> | undefined,
  { since = LONG_AGO, name = 'runner-ev1-a', ...more }: Partial<Extras> = {},
): PodObject {
  const conditions: Condition[] = [
    { type: 'Ready', status: 'False', lastTransitionTime: since },
    ...(more.conditions ?? []),
  ]
  const status: ContainerStatus = {
    name: 'runner',
    ready: false,
    restartCount: 0,
    image: 'jobico:1',
    ...container,
  }
  return {
    metadata: { name, creationTimestamp: since, ...more.metadata },
    ...(more.spec === undefined ? {} : { spec: more.spec }),
    status: {
      phase: more.phase ?? 'Pending',
      conditions,
      ...(container === undefined ? {} : { containerStatuses: [status] }),
    },
  }
}

interface Extras {
  readonly since: string
  readonly name: string
  readonly phase: string
  readonly conditions: readonly Condition[]
  readonly metadata: Partial<PodObject['metadata']>
  readonly spec: NonNullable<PodObject['spec']>
}

const READY: PodObject = {
  metadata: { name: 'runner-ev1-z' },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [
      { name: 'runner', ready: true, restartCount: 3, lastState: { terminated: { exitCode: 1 } } },
    ],
  },
}
const waiting = (reason: string, message = '') => ({ state: { waiting: { reason, message } } })
const SECRET: Extras['spec'] = {
  volumes: [
    { name: 'schema' },
    { name: 'auth', secret: { secretName: 'tokens', items: [{ key: 'valid' }] } },
  ],
}
const NO_NODE: Condition = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'Unschedulable',
  message: '0/1 nodes are available: 1 Insufficient cpu.',
}
const FATAL = { exitCode: 1, reason: 'Error', message: '{"level":"fatal","msg":"Could not go on"}' }

interface Case {
  readonly name: string
  readonly pods: readonly PodObject[]
  /** Undefined where nothing is wrong. */
  readonly want: readonly [State['status'], string, RegExp] | undefined
}

const CASES: readonly Case[] = [
  { name: 'no pod', pods: [], want: undefined },
  { name: 'a ready one, whatever was before', pods: [READY], want: undefined },
  {
    name: 'one that starts',
    pods: [pod(waiting('ContainerCreating'), { since: JUST_NOW })],
    want: undefined,
  },
  {
    name: 'one that is going',
    pods: [pod(waiting('CreateContainerConfigError'), { metadata: { deletionTimestamp: JUST_NOW } })],
    want: undefined,
  },
  { name: 'one that was evicted', pods: [pod(undefined, { phase: 'Failed' })], want: undefined },
  {
    name: 'the Secret of a variable is missing',
    pods: [pod(waiting('CreateContainerConfigError', 'secret "db" not found'))],
    want: ['False', 'SecretMissing', /^the Secret db is not there; make it/],
  },
  {
    name: 'the ConfigMap of a variable is missing',
    pods: [pod(waiting('CreateContainerConfigError', 'configmap "site" not found'))],
    want: ['False', 'ConfigMapMissing', /^the ConfigMap site is not there; make it/],
  },
  {
    name: 'the key of a variable is missing',
    pods: [pod(waiting('CreateContainerConfigError', "couldn't find key password in Secret shop/db"))],
    want: ['False', 'KeyMissing', /^the Secret db has no key password; add it/],
  },
  {
    name: 'an image that runs as root',
    pods: [
      pod(waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root')),
    ],
    want: ['False', 'CreateContainerConfigError', /image will run as root$/],
  },
  {
    name: 'no image',
    pods: [pod(waiting('ImagePullBackOff', 'Back-off pulling image "jobico:1"'))],
    want: ['False', 'ImageNotPulled', /image jobico:1: ImagePullBackOff: Back-off .*; push it/],
  },
  {
    name: 'no image on the node',
    pods: [pod(waiting('ErrImageNeverPull'))],
    want: ['False', 'ImageNotPulled', /ErrImageNeverPull/],
  },
  {
    name: 'no such program',
    pods: [pod(waiting('RunContainerError', 'exec: "node": executable file not found in $PATH'))],
    want: ['False', 'RunContainerError', /executable file not found/],
  },
  {
    name: 'it crashes, and waits to be started again',
    pods: [
      pod({
        ...waiting('CrashLoopBackOff', 'back-off 40s'),
        restartCount: 3,
        lastState: { terminated: FATAL },
      }),
    ],
    want: [
      'False',
      'Crashing',
      /container runner of the pod runner-ev1-a ends with code 1: .*Could not go on.* --previous"$/,
    ],
  },
  {
    name: 'it crashes, and was started again just now',
    pods: [
      pod({ state: { running: { startedAt: JUST_NOW } }, restartCount: 3, lastState: { terminated: FATAL } }),
    ],
    want: ['False', 'Crashing', /ends with code 1/],
  },
  {
    name: 'it has crashed for the first time',
    pods: [pod({ state: { terminated: FATAL } }, { since: JUST_NOW })],
    want: ['False', 'Crashing', /ends with code 1/],
  },
  {
    name: 'it ends well, but should not end',
    pods: [
      pod({
        ...waiting('CrashLoopBackOff'),
        lastState: { terminated: { exitCode: 0, reason: 'Completed' } },
      }),
    ],
    want: ['False', 'Crashing', /code 0: Completed/],
  },
  {
    name: 'it takes too much memory',
    pods: [
      pod({
        ...waiting('CrashLoopBackOff'),
        lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
      }),
    ],
    want: ['False', 'OutOfMemory', /lower the event's runner\.concurrency/],
  },
  {
    name: 'it crashed long ago, and does not reach NATS now',
    pods: [
      pod({ state: { running: { startedAt: LONG_AGO } }, restartCount: 1, lastState: { terminated: FATAL } }),
    ],
    want: ['Unknown', 'NotReady', /does not reach NATS/],
  },
  {
    name: 'the Secret of a file is missing',
    pods: [pod(waiting('ContainerCreating'), { spec: SECRET })],
    want: ['False', 'SecretMissing', /waits for the Secret tokens with the key valid/],
  },
  {
    name: 'the image takes long, with a Secret that is there',
    pods: [
      pod(waiting('ContainerCreating'), {
        spec: SECRET,
        conditions: [{ type: 'PodReadyToStartContainers', status: 'True' }],
      }),
    ],
    want: ['Unknown', 'ImagePulling', /waits for its image/],
  },
  {
    name: 'it takes long, and no Secret can be the cause',
    pods: [pod(waiting('ContainerCreating'), { spec: { volumes: [{ name: 'schema' }] } })],
    want: ['Unknown', 'ContainerCreating', /kubectl describe pod runner-ev1-a/],
  },
  {
    name: 'no node has room',
    pods: [pod(undefined, { conditions: [NO_NODE] })],
    want: ['False', 'Unschedulable', /Insufficient cpu; make room/],
  },
  {
    name: 'no node has room yet',
    pods: [pod(undefined, { conditions: [NO_NODE], since: JUST_NOW })],
    want: undefined,
  },
  {
    name: 'no node has room for one more',
    pods: [pod(undefined, { conditions: [NO_NODE] }), READY],
    want: undefined,
  },
  {
    name: 'a new version crashes beside the old one',
    pods: [READY, pod({ ...waiting('CrashLoopBackOff'), lastState: { terminated: FATAL } })],
    want: ['False', 'Crashing', /./],
  },
  {
    name: 'the worst of several',
    pods: [
      pod({ state: { running: { startedAt: LONG_AGO } } }),
      pod(waiting('ImagePullBackOff'), { name: 'runner-ev1-b' }),
      pod(waiting('ErrImagePull'), { name: 'runner-ev1-c' }),
    ],
    want: ['False', 'ImageNotPulled', /runner-ev1-b/],
  },
]

t.test('what keeps pods from their work', (t) => {
  for (const { name, pods, want } of CASES) {
    const fault = podFault(pods, NOW)
    if (want === undefined) t.equal(fault, undefined, name)
    else t.match(fault, { status: want[0], reason: want[1], message: want[2] }, name)
    t.same(podFault(pods.toReversed(), new Date(NOW.getTime() + 5_000)), fault, `${name}: the same later`)
  }
  t.end()
})
