import type { IRevisionSpec } from '@kubernetes-models/knative/serving.knative.dev/v1/RevisionSpec'

import type { EventRef } from '../../functions/queues/names.ts'
import type { Component } from './labels.ts'
import { credentialsKey, NATS_CREDENTIALS } from './nats-identity.ts'
import type { Platform } from './plan.ts'
import { SCHEMA_KEY } from './schema-copy.ts'

/** The specification of a pod. */
export type PodSpec = Omit<IRevisionSpec, 'containerConcurrency' | 'timeoutSeconds'>
/** A container, and a variable of its environment. */
export type Container = PodSpec['containers'][number]
export type EnvVar = NonNullable<Container['env']>[number]
type Probe = NonNullable<Container['livenessProbe']>
type Volume = NonNullable<PodSpec['volumes']>[number]
type VolumeMount = NonNullable<Container['volumeMounts']>[number]

/** The port on which listeners and runners serve their metrics, and runners their health checks. */
export const METRICS_PORT = 9464

/** The fields of a container with which its pod meets the Pod Security Standard `restricted`. */
export const RESTRICTED = {
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  },
} satisfies Partial<Container>

/** Fields of a pod that keep out of it a token for the API server, and the addresses of all Services. */
export const WITHOUT_CLUSTER = { automountServiceAccountToken: false, enableServiceLinks: false } as const

/** The environment variables of every listener and runner. */
export function commonEnv(ref: EventRef, platform: Platform, credentials: MountedFile | undefined): EnvVar[] {
  return literals({
    NATS_URL: platform.natsUrl,
    ...(credentials === undefined ? {} : { NATS_CREDS_FILE: credentials.path }),
    LOG_LEVEL: platform.logLevel,
    METRICS_PORT: String(METRICS_PORT),
    JOBICO_NAMESPACE: ref.namespace,
    JOBICO_JOB: ref.job,
    JOBICO_EVENT: ref.event,
  })
}

/** Environment variables with literal values. */
export function literals(values: Readonly<Record<string, string>>): EnvVar[] {
  return Object.entries(values).map(([name, value]) => literal(name, value))
}

/** An environment variable with a literal value. Escapes `$`: Kubernetes replaces `$(NAME)` by a variable, `$$` by `$`. */
export function literal(name: string, value: string): EnvVar {
  // The API server does not store an empty value, so the object would always differ from the one that was applied.
  return value === '' ? { name } : { name, value: value.replaceAll('$', '$$$$') }
}

/** A file in a pod, with its volume and the mount of that. */
export interface MountedFile {
  readonly path: string
  readonly volume: Volume
  readonly mount: VolumeMount
}

/** A schema copy as a file in the folder, by a volume of that name. */
export function schemaFile(configMap: string, folder: string, volume = 'schema'): MountedFile {
  const items = [{ key: SCHEMA_KEY, path: SCHEMA_KEY }]
  return mounted(volume, folder, SCHEMA_KEY, { configMap: { name: configMap, items } })
}

/** A key of a Secret as a file, and the volume for it. */
export interface SecretFilePlan {
  readonly secret: { readonly name: string; readonly key: string }
  readonly volume: string
  readonly folder: string
  readonly file: string
}

/** A key of a Secret as a file in the folder. The pod does not start before the Secret and the key exist. */
export function secretFile({ secret, volume, folder, file }: SecretFilePlan): MountedFile {
  const items = [{ key: secret.key, path: file }]
  return mounted(volume, folder, file, { secret: { secretName: secret.name, items } })
}

/** The credentials of a part for NATS; undefined if it needs none. The kubelet replaces the file when the Secret changes. */
export function credentialsFile(part: Component, platform: Platform): MountedFile | undefined {
  if (!platform.natsCredentials) return undefined
  const secret = { name: NATS_CREDENTIALS, key: credentialsKey(part) }
  return secretFile({ secret, volume: 'nats', folder: '/etc/jobico/nats', file: 'nats.creds' })
}

function mounted(name: string, folder: string, file: string, source: Omit<Volume, 'name'>): MountedFile {
  return {
    path: `${folder}/${file}`,
    volume: { name, ...source },
    mount: { name, mountPath: folder, readOnly: true },
  }
}

/** A probe that sends a GET. */
export function httpProbe(path: string, port: number, times: Partial<Probe> = {}): Probe {
  return { httpGet: { path, port }, ...times }
}

/** A liveness probe that restarts a process which has not answered for a minute; it leaves slow machines enough time. */
export function livenessProbe(path: string, port: number): Probe {
  return httpProbe(path, port, { periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 3 })
}

const UNITS = ['Mi', 'Gi', 'Ti', 'Pi'] as const
const MEBIBYTE = 2 ** 20

/** Bytes as a quantity, rounded up to whole Mi, in the canonical form of the API server: 1Gi and not 1024Mi. */
export function quantity(bytes: number): string {
  let count = Math.ceil(bytes / MEBIBYTE)
  let unit = 0
  while (count > 0 && count % 1024 === 0 && unit < UNITS.length - 1) {
    count /= 1024
    unit++
  }
  return `${count}${UNITS[unit] ?? ''}`
}
