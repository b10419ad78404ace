import type { Condition, KubeObject } from '../kube/object.ts'
import type { DeploymentObject, KnativeServiceObject, PodObject, ScaledObjectObject } from './observed.ts'
import { conditionOf, quoted, reasonOr, unknown, well, wrong, type State } from './state.ts'

export { podFault } from './pod-fault.ts'
export type { State } from './state.ts'

const REVISION_LABEL = 'serving.knative.dev/revision'
const PAUSED = 'autoscaling.keda.sh/paused'

/** The state of a listener, from its Knative Service; undefined if there is none. */
export function serviceState(service: KnativeServiceObject | undefined): State {
  if (service === undefined) return unknown('NotCreated', 'the Knative Service is not there yet')
  const { name } = service.metadata
  const ready = conditionOf(service.status?.conditions, 'Ready')
  if (ready === undefined || isBehind(service))
    return notObserved(`Knative Service ${name}`, 'knative-serving')
  if (ready.status === 'True') return well('the Knative Service is ready')
  if (ready.status === 'False') return failedService(service, ready.reason, ready.message)
  const message = `Knative is at work on ${name}: ${quoted(ready.message, 'its pod is starting')}`
  return unknown(reasonOr('Deploying', ready.reason), message)
}

const GIVEN_UP = /Initial scale was never achieved|ProgressDeadlineExceeded/

function failedService(
  service: KnativeServiceObject,
  reason: string | undefined,
  message: string | undefined,
): State {
  const { name } = service.metadata
  const { latestReadyRevisionName: serving, latestCreatedRevisionName: latest } = service.status ?? {}
  const fix = GIVEN_UP.test(`${reason ?? ''} ${message ?? ''}`)
    ? `Knative has given it up; mend what kept its pods from starting, then run "kubectl delete ksvc ${name}", and it is made again`
    : `see "kubectl describe ksvc ${name}"`
  const meanwhile =
    serving === undefined || serving === latest ? '' : `; the earlier revision ${serving} keeps serving`
  return wrong(
    reasonOr('ListenerFailed', reason),
    `Knative says of ${name}: ${quoted(message)}; ${fix}${meanwhile}`,
  )
}

/** The pods of the latest Revision of a Knative Service; pods of failed earlier Revisions say nothing about it. */
export function latestPods<Pod extends PodObject>(
  service: KnativeServiceObject,
  pods: readonly Pod[],
): readonly Pod[] {
  const latest = service.status?.latestCreatedRevisionName
  return pods.filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] === latest)
}

/** The state of a runner's Deployment; undefined if there is none. No pods, or pods that still start, are no fault. */
export function deploymentState(deployment: DeploymentObject | undefined): State {
  if (deployment === undefined) return unknown('NotCreated', 'the Deployment is not there yet')
  const { name } = deployment.metadata
  const { replicas = 0, updatedReplicas = 0, observedGeneration } = deployment.status ?? {}
  // Not compared with the generation: that also rises with every change of the replicas, so it would lag at each scaling.
  if (observedGeneration === undefined) return notObserved(`Deployment ${name}`, 'kube-system')
  const fault = rolloutFault(deployment)
  if (fault !== undefined) return fault
  return updatedReplicas < replicas
    ? unknown('RollingOut', `the pods of ${name} are being replaced by those of its latest version`)
    : well('the Deployment is as it should be')
}

function rolloutFault({ metadata: { name }, status }: DeploymentObject): State | undefined {
  const refused = conditionOf(status?.conditions, 'ReplicaFailure')
  if (refused?.status === 'True')
    return wrong(
      reasonOr('PodsRefused', refused.reason),
      `the pods of ${name} are refused: ${quoted(refused.message)}`,
    )
  if (conditionOf(status?.conditions, 'Progressing')?.status !== 'False') return undefined
  return wrong(
    'RolloutFailed',
    `the pods of the latest version of ${name} do not get ready; see "kubectl describe pods" and "kubectl logs deployment/${name}"`,
  )
}

/** The state of a runner's scaling, from its ScaledObject; undefined if there is none. */
export function scaledObjectState(scaledObject: ScaledObjectObject | undefined): State {
  if (scaledObject === undefined) return unknown('NotCreated', 'the ScaledObject is not there yet')
  const { conditions } = scaledObject.status ?? {}
  const { name } = scaledObject.metadata
  const ready = conditionOf(conditions, 'Ready')
  if (ready === undefined) return notObserved(`ScaledObject ${name}`, 'keda')
  const paused = pausedState(scaledObject)
  if (paused !== undefined) return paused
  if (conditionOf(conditions, 'Fallback')?.status === 'True') return fallbackState(scaledObject)
  if (ready.status !== 'True')
    return (
      secretFault(ready) ?? {
        status: ready.status,
        reason: reasonOr(ready.status === 'False' ? 'ScalingFailed' : 'Deploying', ready.reason),
        message: `KEDA says of ${name}: ${quoted(ready.message, 'it is at work on it')}; see "kubectl describe scaledobject ${name}"`,
      }
    )
  return autoscalerState(scaledObject)
}

/** KEDA's error when a Secret in the environment of the Deployment is missing: KEDA reads all of them. */
const UNRESOLVED_SECRET = /error resolving secret name .*?Name:([^,}]+),\}?,Key:([^,}]+)/

function secretFault({ status, message = '' }: Condition): State | undefined {
  const [, secret, key] = (status === 'False' && UNRESOLVED_SECRET.exec(message)) || []
  if (secret === undefined || key === undefined) return undefined
  return wrong(
    'SecretMissing',
    `there is no Secret ${secret} with the key ${key}, which the event's env takes from it; make it, and KEDA goes on by itself within minutes`,
  )
}

function pausedState({ metadata, status }: ScaledObjectObject): State | undefined {
  const annotation = Object.keys(metadata.annotations ?? {}).find((name) => name.startsWith(PAUSED))
  if (annotation === undefined && conditionOf(status?.conditions, 'Paused')?.status !== 'True')
    return undefined
  return wrong(
    'Paused',
    `scaling is paused by hand; take the annotation ${annotation ?? PAUSED} from the ScaledObject ${metadata.name}`,
  )
}

function fallbackState({ metadata, spec }: ScaledObjectObject): State {
  const place = spec?.triggers?.[0]?.metadata?.['scalerAddress'] ?? 'its address'
  return wrong(
    'QueueNotSeen',
    `KEDA can't learn from the scaler at ${place} what is waiting, so the pods are not scaled, but ${spec?.fallback?.replicas ?? 1} or more of them run; see that NATS and the operator run, that network policies let KEDA reach the operator, and "kubectl describe scaledobject ${metadata.name}"`,
  )
}

/** KEDA itself starts the first pod; a HorizontalPodAutoscaler starts the others. */
function autoscalerState({ metadata, status }: ScaledObjectObject): State {
  const active = conditionOf(status?.conditions, 'HPAActive')
  if (active?.status !== 'False') return well('KEDA scales the runner')
  return unknown(
    reasonOr('ScalingFailed', active.reason),
    `no more than the first pod comes for ${metadata.name}: ${quoted(active.message)}; where this lasts, see "kubectl get apiservice v1beta1.external.metrics.k8s.io"`,
  )
}

function isBehind({ metadata, status }: KubeObject & { status?: { observedGeneration?: number } }): boolean {
  return status?.observedGeneration !== metadata.generation
}

function notObserved(what: string, namespace: string): State {
  return unknown(
    'NotSeenYet',
    `the ${what} has not been reconciled since its last change; where this lasts, see whether the pods of the namespace ${namespace} run`,
  )
}
