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

/** KEDA polls NATS this often. For its first pod an event waits half of it on average; each poll lists all consumers. */
const POLLING_S = 2
/** Failed polls before the fallback applies: about a minute, longer than a restart of NATS takes. */
const FAILURES = 30
/** The longest stabilization window that a HorizontalPodAutoscaler allows. */
const MAX_STABILIZATION_S = 3_600
const PERIOD_S = 15

/**
 * The ScaledObject of an event's runner. KEDA scales by the messages that wait or run at the event's two consumers, in the
 * queue and in the stream of events. The first message starts a pod. The target is 2 × concurrency messages per pod: as many
 * waiting as running. Pods are added all at once, and removed when there was less to do for the whole cooldown; they finish
 * what they run. The consumers have to exist first.
 */
export function runnerScaledObject({ job, event }: RunnerPlan, platform: Platform): ScaledObject {
  const { runner } = event
  const { queue, events } = streamNames(eventRef(job, event))
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
      // While NATS does not answer, events may still be waiting.
      fallback: {
        failureThreshold: FAILURES,
        replicas: Math.max(1, runner.minReplicas),
        behavior: 'currentReplicasIfHigher',
      },
      advanced: { horizontalPodAutoscalerConfig: { behavior: behavior(runner) } },
      triggers: [trigger('queue', queue), trigger('events', events)],
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
