import type { ContainerState, ContainerStatus, PodObject } from './observed.ts'
import { conditionOf, quoted, unknown, wrong, type State } from './state.ts'

/** How long a pod may be unready before that is a fault, and how long a restarted container has to run until it is none. */
const GRACE_MS = 30_000

const IMAGE_REASONS: readonly string[] = [
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImageInspectError',
  'ImagePullBackOff',
  'InvalidImageName',
]

/**
 * The worst fault of some pods; undefined if they have none. The message stays the same while the fault does. Pods that are
 * being deleted, or have ended and are replaced, do not count. Pure.
 */
export function podFault(pods: readonly PodObject[], now: Date): State | undefined {
  const alive = pods
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && !hasEnded(status?.phase))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const isServing = alive.some(isReady)
  const faults = alive.flatMap((pod) => faultOf(pod, now, isServing) ?? [])
  return faults.find(({ status }) => status === 'False') ?? faults[0]
}

function hasEnded(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

function isReady({ status }: PodObject): boolean {
  return conditionOf(status?.conditions, 'Ready')?.status === 'True'
}

/** `isServing` says that other pods are ready: then one more pod that can't be scheduled is no fault. */
function faultOf(pod: PodObject, now: Date, isServing: boolean): State | undefined {
  if (isReady(pod)) return undefined
  for (const status of pod.status?.containerStatuses ?? []) {
    const fault = containerFault(pod, status, now)
    if (fault !== undefined) return fault
  }
  return isServing || !isLate(pod, now) ? undefined : lateFault(pod)
}

function containerFault(
  { metadata: { name: pod } }: PodObject,
  status: ContainerStatus,
  now: Date,
): State | undefined {
  const { reason = '', message } = status.state?.waiting ?? {}
  if (reason === 'CreateContainerConfigError') return configFault(pod, quoted(message))
  if (IMAGE_REASONS.includes(reason))
    return wrong(
      'ImageNotPulled',
      `the pod ${pod} can't have the image ${status.image ?? ''}: ${reason}: ${quoted(message)}; push it to where the nodes pull from, or give the operator the image that is there`,
    )
  if (reason.endsWith('Error')) return wrong(reason, `the pod ${pod} can't start: ${quoted(message)}`)
  return crash(pod, status, now)
}

const MISSING: readonly {
  readonly pattern: RegExp
  readonly stateFor: (...names: string[]) => Omit<State, 'status'>
}[] = [
  {
    pattern: /secret "([^"]+)" not found/,
    stateFor: (secret) => ({
      reason: 'SecretMissing',
      message: `the Secret ${secret} is not there; make it, with the keys that the event's env takes from it`,
    }),
  },
  {
    pattern: /configmap "([^"]+)" not found/,
    stateFor: (configMap) => ({
      reason: 'ConfigMapMissing',
      message: `the ConfigMap ${configMap} is not there; make it, with the keys that the event's env takes from it`,
    }),
  },
  {
    pattern: /couldn't find key (\S+) in (Secret|ConfigMap) [^/\s]+\/(\S+)/,
    stateFor: (key, kind, name) => ({
      reason: 'KeyMissing',
      message: `the ${kind} ${name} has no key ${key}; add it, or correct the event's env`,
    }),
  },
]

function configFault(pod: string, text: string): State {
  for (const { pattern, stateFor } of MISSING) {
    const found = pattern.exec(text)
    if (found !== null) return { status: 'False', ...stateFor(...found.slice(1)) }
  }
  return wrong('CreateContainerConfigError', `the pod ${pod} can't start: ${text}`)
}

function crash(pod: string, status: ContainerStatus, now: Date): State | undefined {
  const end = lastEnd(status, now)
  if (end === undefined || (end.exitCode === 0 && !isLooping(status))) return undefined
  const { name } = status
  if (end.reason === 'OOMKilled')
    return wrong(
      'OutOfMemory',
      `the container ${name} of the pod ${pod} took more memory than it may; lower the event's runner.concurrency, or raise its memory, from which the limit follows`,
    )
  return wrong(
    'Crashing',
    `the container ${name} of the pod ${pod} ends with code ${end.exitCode}: ${quoted(end.message, end.reason)}; see "kubectl logs ${pod} -c ${name} --previous"`,
  )
}

/** How a container last ended, unless it has run for the grace period since or is ready. */
function lastEnd({ ready, state, lastState }: ContainerStatus, now: Date): ContainerState['terminated'] {
  if (ready || isPast(state?.running?.startedAt, now)) return undefined
  return state?.terminated ?? lastState?.terminated
}

function isLooping({ state }: ContainerStatus): boolean {
  return state?.waiting?.reason === 'CrashLoopBackOff'
}

function isLate({ metadata, status }: PodObject, now: Date): boolean {
  return isPast(
    conditionOf(status?.conditions, 'Ready')?.lastTransitionTime ?? metadata.creationTimestamp,
    now,
  )
}

/** Whether the grace period that began at a time is over. */
function isPast(time: string | undefined, now: Date): boolean {
  return time !== undefined && now.getTime() - Date.parse(time) >= GRACE_MS
}

/** Why a pod is not ready after the grace period. */
function lateFault(pod: PodObject): State {
  const { name } = pod.metadata
  const { conditions, containerStatuses = [] } = pod.status ?? {}
  const scheduled = conditionOf(conditions, 'PodScheduled')
  if (scheduled?.status === 'False')
    return wrong(
      'Unschedulable',
      `the pod ${name} finds no node: ${quoted(scheduled.message)}; make room, or add nodes`,
    )
  const creating = containerStatuses.some(({ state }) => state?.waiting !== undefined)
  if (creating && conditionOf(conditions, 'PodReadyToStartContainers')?.status !== 'True')
    return notMounted(pod)
  if (creating) return unknown('ImagePulling', `the pod ${name} waits for its image to be pulled`)
  return unknown(
    'NotReady',
    `the pod ${name} runs, but is not ready, as when it does not reach NATS; see "kubectl logs ${name}"`,
  )
}

/** The fault of a pod that waits for its volumes. Its status does not say for which, but only a Secret can be missing. */
function notMounted({ metadata: { name }, spec }: PodObject): State {
  const secrets = (spec?.volumes ?? []).flatMap(({ secret }) => secret ?? [])
  const [secret] = secrets
  if (secret?.secretName === undefined)
    return unknown(
      'ContainerCreating',
      `the pod ${name} is not set up yet; see "kubectl describe pod ${name}"`,
    )
  const keys = (secret.items ?? []).map(({ key }) => key).join(', ')
  return wrong(
    'SecretMissing',
    `the pod ${name} waits for the Secret ${secret.secretName} with the key ${keys}; make it, or correct listener.auth`,
  )
}
