import t, { type Test } from 'tap'

import { deploymentState, latestPods, scaledObjectState, serviceState } from './readiness.ts'
import type { Condition } from '../kube/object.ts'
import type { DeploymentObject, KnativeServiceObject, PodObject, ScaledObjectObject } from './observed.ts'
import type { State } from './state.ts'

interface Case<T> {
  readonly name: string
  readonly of: T | undefined
  readonly status: State['status']
  readonly reason: string
  readonly says?: RegExp
}

function check<T>(t: Test, cases: readonly Case<T>[], state: (of: T | undefined) => State): void {
  for (const { name, of, status, reason, says = /./ } of cases)
    t.match(state(of), { status, reason, message: says }, name)
}

const CRASHED =
  'Revision "listener-ev1-00002" failed with message: Container failed with: {"level":"fatal","msg":"Could not go on"}.'

function service(
  ready: Partial<Condition> | undefined,
  status: KnativeServiceObject['status'] = {},
): KnativeServiceObject {
  const conditions = ready === undefined ? [] : [{ type: 'Ready', status: 'Unknown' as const, ...ready }]
  return {
    metadata: { name: 'listener-ev1', generation: 3 },
    status: { observedGeneration: 3, conditions, latestCreatedRevisionName: 'listener-ev1-00002', ...status },
  }
}

t.test('how a listener is', (t) => {
  const cases: Case<KnativeServiceObject>[] = [
    { name: 'none yet', of: undefined, status: 'Unknown', reason: 'NotCreated' },
    {
      name: 'just made, without a status',
      of: { metadata: { name: 'listener-ev1', generation: 1 } },
      status: 'Unknown',
      reason: 'NotSeenYet',
      says: /knative-serving/,
    },
    {
      name: 'ready, but as it was before',
      of: service({ status: 'True' }, { observedGeneration: 2 }),
      status: 'Unknown',
      reason: 'NotSeenYet',
    },
    { name: 'ready', of: service({ status: 'True' }), status: 'True', reason: 'Ready' },
    {
      name: 'starting, which Knative says with no words',
      of: service({ status: 'Unknown', reason: 'Deploying', message: '' }),
      status: 'Unknown',
      reason: 'Deploying',
      says: /its pod is starting/,
    },
    {
      name: 'waiting for the ingress',
      of: service({
        status: 'Unknown',
        reason: 'IngressNotConfigured',
        message: 'Ingress has not yet been reconciled.',
      }),
      status: 'Unknown',
      reason: 'IngressNotConfigured',
      says: /at work on listener-ev1: Ingress has not yet been reconciled$/,
    },
    {
      name: 'the first version fails',
      of: service({ status: 'False', reason: 'RevisionFailed', message: CRASHED }),
      status: 'False',
      reason: 'RevisionFailed',
      says: /Could not go on"}; see "kubectl describe ksvc listener-ev1"$/,
    },
    {
      name: 'a new version fails, the one before serves on',
      of: service(
        { status: 'False', reason: 'RevisionFailed', message: CRASHED },
        { latestReadyRevisionName: 'listener-ev1-00001' },
      ),
      status: 'False',
      reason: 'RevisionFailed',
      says: /; the earlier revision listener-ev1-00001 keeps serving$/,
    },
    {
      name: 'given up',
      of: service({
        status: 'False',
        reason: 'RevisionFailed',
        message: 'Revision "listener-ev1-00002" failed with message: Initial scale was never achieved.',
      }),
      status: 'False',
      reason: 'RevisionFailed',
      says: /kubectl delete ksvc listener-ev1/,
    },
    {
      name: 'a reason that is no word',
      of: service({ status: 'False', reason: 'exit status: 1' }),
      status: 'False',
      reason: 'ListenerFailed',
      says: /does not say why/,
    },
    {
      name: 'a message without end is cut',
      of: service({ status: 'False', reason: 'RevisionFailed', message: 'x'.repeat(5_000) }),
      status: 'False',
      reason: 'RevisionFailed',
      says: /^.{1000,1200}$/,
    },
  ]
  check(t, cases, serviceState)
  t.end()
})

t.test('the pods of versions that failed before say nothing about the latest', (t) => {
  const pods: PodObject[] = ['00001', '00002', '00002'].map((number, at) => ({
    metadata: { name: `pod-${at}`, labels: { 'serving.knative.dev/revision': `listener-ev1-${number}` } },
  }))
  t.same(
    latestPods(service({}), pods).map(({ metadata }) => metadata.name),
    ['pod-1', 'pod-2'],
  )
  t.same(latestPods({ metadata: { name: 'listener-ev1' } }, pods), [])
  t.end()
})

function deployment(status: DeploymentObject['status'], ...conditions: Condition[]): DeploymentObject {
  return {
    metadata: { name: 'runner-ev1', generation: 5 },
    status: { observedGeneration: 5, conditions, ...status },
  }
}

const AVAILABLE: Condition = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }

t.test('how a runner is', (t) => {
  const cases: Case<DeploymentObject>[] = [
    { name: 'none yet', of: undefined, status: 'Unknown', reason: 'NotCreated' },
    {
      name: 'not looked at',
      of: { metadata: { name: 'runner-ev1', generation: 1 } },
      status: 'Unknown',
      reason: 'NotSeenYet',
    },
    {
      name: 'scaled just now',
      of: deployment({ observedGeneration: 4 }, AVAILABLE),
      status: 'True',
      reason: 'Ready',
    },
    {
      name: 'no pod, as there is nothing to do',
      of: deployment({}, AVAILABLE),
      status: 'True',
      reason: 'Ready',
    },
    {
      name: 'pods come',
      of: deployment({ replicas: 3, updatedReplicas: 3 }, AVAILABLE, { type: 'Available', status: 'False' }),
      status: 'True',
      reason: 'Ready',
    },
    {
      name: 'a new version comes',
      of: deployment(
        { replicas: 3, updatedReplicas: 1 },
        { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' },
      ),
      status: 'Unknown',
      reason: 'RollingOut',
    },
    {
      name: 'a new version does not get ready',
      of: deployment(
        { replicas: 3, updatedReplicas: 1 },
        { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' },
      ),
      status: 'False',
      reason: 'RolloutFailed',
      says: /kubectl logs deployment\/runner-ev1/,
    },
    {
      name: 'pods are refused',
      of: deployment({}, AVAILABLE, {
        type: 'ReplicaFailure',
        status: 'True',
        reason: 'FailedCreate',
        message:
          'pods "runner-ev1-7d4f-" is forbidden: exceeded quota: small, requested: limits.memory=1184Mi',
      }),
      status: 'False',
      reason: 'FailedCreate',
      says: /refused: pods .* exceeded quota/,
    },
  ]
  check(t, cases, deploymentState)
  t.end()
})

function scaledObject(
  changes: Readonly<Record<string, Partial<Condition>>>,
  annotations: Readonly<Record<string, string>> = {},
): ScaledObjectObject {
  const usual: Readonly<Record<string, Partial<Condition>>> = {
    Ready: { status: 'True', reason: 'ScaledObjectReady' },
    Active: { status: 'False', reason: 'ScalerNotActive' },
    Fallback: { status: 'False', reason: 'NoFallbackFound' },
    Paused: { status: 'False' },
    HPAActive: { status: 'True', reason: 'ScalingDisabled' },
  }
  const conditions = Object.entries({ ...usual, ...changes }).map(([type, condition]): Condition => ({
    type,
    status: 'Unknown',
    ...condition,
  }))
  return {
    metadata: { name: 'runner-ev1', annotations },
    spec: {
      fallback: { replicas: 1 },
      triggers: [{ metadata: { scalerAddress: 'jobico-scaler.jobico-system.svc:9090' } }],
    },
    status: { conditions },
  }
}

t.test('how the scaling of a runner is', (t) => {
  const cases: Case<ScaledObjectObject>[] = [
    { name: 'none yet', of: undefined, status: 'Unknown', reason: 'NotCreated' },
    {
      name: 'not looked at',
      of: { metadata: { name: 'runner-ev1' } },
      status: 'Unknown',
      reason: 'NotSeenYet',
      says: /namespace keda/,
    },
    {
      name: 'a Secret of its variables is missing',
      of: scaledObject({
        Ready: {
          status: 'False',
          reason: 'ScaledObjectCheckFailed',
          message:
            'failed to ensure HPA is correctly created for ScaledObject: error resolving secrets for ScaleTarget: error resolving secret name &SecretKeySelector{LocalObjectReference:LocalObjectReference{Name:paints,},Key:colour,Optional:nil,} for env JOBICO_GUEST_COLOUR in namespace shop',
        },
      }),
      status: 'False',
      reason: 'SecretMissing',
      says: /no Secret paints with the key colour/,
    },
    { name: 'at zero', of: scaledObject({}), status: 'True', reason: 'Ready' },
    {
      name: 'at work',
      of: scaledObject({ Active: { status: 'True' }, HPAActive: { status: 'True' } }),
      status: 'True',
      reason: 'Ready',
    },
    {
      name: 'neither the scaler nor NATS is reached',
      of: scaledObject({ Fallback: { status: 'True', reason: 'FallbackExists' } }),
      status: 'False',
      reason: 'QueueNotSeen',
      says: /scaler at jobico-scaler\.jobico-system\.svc:9090 .* 1 or more of them run/,
    },
    {
      name: 'KEDA refuses it',
      of: scaledObject({
        Ready: {
          status: 'False',
          reason: 'ScaledObjectCheckFailed',
          message: "ScaledObject doesn't have correct scaleTargetRef specification",
        },
      }),
      status: 'False',
      reason: 'ScaledObjectCheckFailed',
      says: /correct scaleTargetRef specification; see "kubectl describe scaledobject runner-ev1"/,
    },
    {
      name: 'a trigger fails',
      of: scaledObject({
        Ready: { status: 'Unknown', reason: 'PartialTriggerError', message: 'Some triggers' },
      }),
      status: 'Unknown',
      reason: 'PartialTriggerError',
    },
    {
      name: 'paused by its annotation',
      of: scaledObject({}, { 'autoscaling.keda.sh/paused-replicas': '0' }),
      status: 'False',
      reason: 'Paused',
      says: /take the annotation autoscaling\.keda\.sh\/paused-replicas from/,
    },
    {
      name: 'paused',
      of: scaledObject({ Paused: { status: 'True', reason: 'ScaledObjectPaused' } }),
      status: 'False',
      reason: 'Paused',
    },
    {
      name: 'the metrics do not come through',
      of: scaledObject({
        HPAActive: {
          status: 'False',
          reason: 'FailedGetExternalMetric',
          message: 'HPA is not actively scaling: unable to get external metric',
        },
      }),
      status: 'Unknown',
      reason: 'FailedGetExternalMetric',
      says: /kubectl get apiservice/,
    },
  ]
  check(t, cases, scaledObjectState)
  t.end()
})
