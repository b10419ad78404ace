import type { IServiceSpec } from '@kubernetes-models/knative/serving.knative.dev/v1/ServiceSpec'

import { HEALTH } from '../../functions/process/health.ts'
import { childMetadata, eventRef } from './child.ts'
import type { KubeObject } from '../kube/object.ts'
import { ANNOTATIONS, LABELS, LAYOUT } from './labels.ts'
import { listenerName } from './names.ts'
import {
  commonEnv,
  credentialsFile,
  httpProbe,
  literals,
  livenessProbe,
  RESTRICTED,
  schemaFile,
  secretFile,
  WITHOUT_CLUSTER,
  type EnvVar,
  type MountedFile,
} from './pod.ts'
import type { ListenerPlan, Platform } from './plan.ts'

/** A Knative Service. */
export interface KnativeService extends KubeObject {
  readonly apiVersion: 'serving.knative.dev/v1'
  readonly kind: 'Service'
  readonly spec: IServiceSpec
}

const PORT = 8080
const SCHEMA_FOLDER = '/etc/jobico/schema'
const AUTH_FOLDER = '/etc/jobico/auth'

/** Requests in flight per pod. Each may hold a body of 1 MiB and its parsed JSON: 100 of them fit into MEMORY_LIMIT. */
const MAX_IN_FLIGHT = 100
const MEMORY_LIMIT = '512Mi'
/** A request may take 20 s to arrive, then wait 60 s for its outcome. This is also the grace period of the pod. */
const TIMEOUT_SECONDS = 100

/**
 * The Knative Service of an event's listener. At zero pods, one request starts one pod; the activator buffers a burst and
 * spreads it over the pods; after a minute without requests there is no pod. docs/decisions/0008-how-listeners-scale.md
 * explains the figures.
 */
export function listenerService(plan: ListenerPlan, platform: Platform): KnativeService {
  const { job, event, schema } = plan
  const { visibility } = event.listener
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: childMetadata(job, event, {
      component: 'listener',
      name: listenerName(event.name),
      ...(visibility === 'ClusterLocal' ? { labels: CLUSTER_LOCAL } : {}),
      annotations: { [ANNOTATIONS.schema]: schema.digest },
    }),
    spec: {
      template: {
        metadata: { labels: podLabels(plan), annotations: scaling(plan) },
        spec: podSpec(plan, platform),
      },
      // Knative's default, set explicitly so that traffic that somebody moved by hand moves back.
      traffic: [{ latestRevision: true, percent: 100 }],
    },
  }
}

const CLUSTER_LOCAL = { 'networking.knative.dev/visibility': 'cluster-local' }

function podLabels({ job, event }: ListenerPlan): Record<string, string> {
  const { labels = {} } = childMetadata(job, event, { component: 'listener', name: '' })
  return { ...labels, [LABELS.podEvent]: event.name, [LABELS.layout]: LAYOUT }
}

function scaling({ event: { listener } }: ListenerPlan): Record<string, string> {
  const autoscaling = {
    'min-scale': String(listener.minReplicas),
    'max-scale': String(listener.maxReplicas),
    // A new revision has to get one pod ready before it gets traffic, even if the cluster's default is 0.
    'initial-scale': '1',
    metric: 'concurrency',
    target: '70',
    'target-utilization-percentage': '100',
    // Keeps the activator in the request path at all times.
    'target-burst-capacity': '-1',
    window: '30s',
    'panic-window-percentage': '20',
    'scale-down-delay': '30s',
  }
  const named = Object.entries(autoscaling).map(([name, value]) => [`autoscaling.knative.dev/${name}`, value])
  return {
    ...(Object.fromEntries(named) as Record<string, string>),
    // After the deadline Knative gives the revision up for good, even if the Secret it waited for is created later.
    'serving.knative.dev/progress-deadline': '24h',
  }
}

function podSpec({ job, event, schema }: ListenerPlan, platform: Platform) {
  const { auth, visibility } = event.listener
  const schemas = schemaFile(schema.configMap, SCHEMA_FOLDER)
  const tokens =
    auth && secretFile({ secret: auth.secretKeyRef, volume: 'auth', folder: AUTH_FOLDER, file: 'tokens' })
  const credentials = credentialsFile('listener', platform)
  const files = [schemas, tokens, credentials].filter((file) => file !== undefined)
  const exposed = visibility === 'ClusterLocal' || auth !== undefined
  return {
    ...WITHOUT_CLUSTER,
    containerConcurrency: MAX_IN_FLIGHT,
    timeoutSeconds: TIMEOUT_SECONDS,
    containers: [
      {
        name: 'listener',
        image: platform.image,
        command: ['node', '/app/listener.js'],
        env: [
          ...commonEnv(eventRef(job, event), platform, credentials),
          ...listenerEnv(schemas, tokens, exposed),
        ],
        ports: [{ containerPort: PORT }],
        // Without a period, Knative probes every 50 ms until the first success.
        readinessProbe: httpProbe(HEALTH.started, PORT),
        livenessProbe: livenessProbe(HEALTH.live, PORT),
        resources: { requests: { cpu: '25m', memory: '96Mi' }, limits: { memory: MEMORY_LIMIT } },
        ...RESTRICTED,
        volumeMounts: files.map(({ mount }) => mount),
      },
    ],
    volumes: files.map(({ volume }) => volume),
  }
}

function listenerEnv(schemas: MountedFile, tokens: MountedFile | undefined, exposed: boolean): EnvVar[] {
  return literals({
    JOBICO_SCHEMA: schemas.path,
    JOBICO_MAX_IN_FLIGHT: String(MAX_IN_FLIGHT),
    JOBICO_EXPOSE_RESULTS: String(exposed),
    ...(tokens === undefined ? {} : { JOBICO_AUTH_FILE: tokens.path }),
  })
}
