import type { IScaledObjectSpec } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObjectSpec'

import { streamNames } from '../../functions/queues/names.ts'
import { childMetadata, eventRef } from './child.ts'
import type { KubeObject } from '../kube/object.ts'
import { runnerName } from './names.ts'
import type { Platform, RunnerPlan } from './plan.ts'

/** A ScaledObject of KEDA. */
export interface ScaledObject extends KubeObject {
  readonly apiVersion: 'keda.sh/v1alpha1'
  readonly kind: 'ScaledObject'
  readonly spec: IScaledObjectSpec
}

/** Half of it is what an event waits on average for the first pod. Each look has NATS list the account's consumers. */
const POLLING_S = 2
/** About a minute without an answer, which a NATS that is started again does not need. */
const FAILURES = 30
/** The longest that a HorizontalPodAutoscaler looks back. */
const MAX_STABILIZATION_S = 3_600
const PERIOD_S = 15

/**
 * How KEDA scales an event's runner: by what waits or runs at both of its consumers. The first message brings a pod; where as
 * much again waits as the pods can run, there are too few of them, and all that may come do so at once. They go when there was
 * less to do for all of the cooldown, and finish what they run. The consumers have to be there before it.
 */
export function runnerScaledObject({ job, event }: RunnerPlan, platform: Platform): ScaledObject {
  const { runner } = event
  const { queue, retry } = streamNames(eventRef(job, event))
  const trigger = (name: string, stream: string) => ({
    type: 'nats-jetstream',
    name,
    metadata: {
      natsServerMonitoringEndpoint: platform.natsMonitoring,
      account: platform.natsAccount,
      stream,
      consumer: event.name,
      lagThreshold: String(runner.concurrency * 2),
      activationLagThreshold: '0',
    },
  })
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: childMetadata(job, event, { component: 'runner', name: runnerName(event.name) }),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: runnerName(event.name) },
      pollingInterval: POLLING_S,
      cooldownPeriod: runner.cooldownSeconds,
      minReplicaCount: runner.minReplicas,
      maxReplicaCount: runner.maxReplicas,
      // Where NATS can't be asked, events may be waiting all the same.
      fallback: {
        failureThreshold: FAILURES,
        replicas: Math.max(1, runner.minReplicas),
        behavior: 'currentReplicasIfHigher',
      },
      advanced: { horizontalPodAutoscalerConfig: { behavior: behavior(runner) } },
      triggers: [trigger('queue', queue), trigger('retry', retry)],
    },
  }
}

function behavior({ maxReplicas, cooldownSeconds }: RunnerPlan['event']['runner']) {
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      policies: [{ type: 'Pods', value: maxReplicas, periodSeconds: PERIOD_S }],
    },
    scaleDown: {
      stabilizationWindowSeconds: Math.min(cooldownSeconds, MAX_STABILIZATION_S),
      policies: [{ type: 'Percent', value: 100, periodSeconds: PERIOD_S }],
    },
  }
}
