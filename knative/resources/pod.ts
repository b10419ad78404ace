import type { IRevisionSpec } from '@kubernetes-models/knative/serving.knative.dev/v1/RevisionSpec'

import type { EventRef } from '../../functions/queues/names.ts'
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

/** Where the processes serve their metrics. */
export const METRICS_PORT = 9464

/** The part of every container that makes its pod meet the restricted Pod Security Standard. */
export const RESTRICTED = {
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  },
} satisfies Partial<Container>

/** What no pod of an event has: a token for the API server, and the addresses of all services in its environment. */
export const WITHOUT_CLUSTER = { automountServiceAccountToken: false, enableServiceLinks: false } as const

/** The variables that every process of an event is given. */
export function commonEnv(ref: EventRef, platform: Platform): EnvVar[] {
  return literals({
    NATS_URL: platform.natsUrl,
    LOG_LEVEL: platform.logLevel,
    METRICS_PORT: String(METRICS_PORT),
    JOBICO_NAMESPACE: ref.namespace,
    JOBICO_JOB: ref.job,
    JOBICO_EVENT: ref.event,
  })
}

/** Variables with values as they stand. */
export function literals(values: Readonly<Record<string, string>>): EnvVar[] {
  return Object.entries(values).map(([name, value]) => literal(name, value))
}

/** A variable with its value as it stands: Kubernetes would put other variables in place of `$(NAME)`, and makes `$` of `$$`. */
export function literal(name: string, value: string): EnvVar {
  // An empty value is not stored, and would never be found again as it was applied.
  return value === '' ? { name } : { name, value: value.replaceAll('$', '$$$$') }
}

/** A file in a pod: its volume, and where that is mounted. */
export interface MountedFile {
  readonly path: string
  readonly volume: Volume
  readonly mount: VolumeMount
}

/** The copy of a schema as a file of the folder, in a volume of that name. */
export function schemaFile(configMap: string, folder: string, volume = 'schema'): MountedFile {
  const items = [{ key: SCHEMA_KEY, path: SCHEMA_KEY }]
  return mounted(volume, folder, SCHEMA_KEY, { configMap: { name: configMap, items } })
}

/** A key of a Secret as a file of the folder. The pod waits while there is no such Secret or key. */
export function secretFile(secret: { name: string; key: string }, folder: string, file: string): MountedFile {
  const items = [{ key: secret.key, path: file }]
  return mounted('auth', folder, file, { secret: { secretName: secret.name, items } })
}

function mounted(name: string, folder: string, file: string, source: Omit<Volume, 'name'>): MountedFile {
  return {
    path: `${folder}/${file}`,
    volume: { name, ...source },
    mount: { name, mountPath: folder, readOnly: true },
  }
}

/** Asks a path with GET. */
export function httpProbe(path: string, port: number, times: Partial<Probe> = {}): Probe {
  return { httpGet: { path, port }, ...times }
}

/** A process that has not answered for a minute is started again. Slow machines get the time that they need. */
export function livenessProbe(path: string, port: number): Probe {
  return httpProbe(path, port, { periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 3 })
}

const UNITS = ['Mi', 'Gi', 'Ti', 'Pi'] as const
const MEBIBYTE = 2 ** 20

/** Bytes as a quantity, rounded up to whole Mi, in the form in which the API server writes it: 1Gi and not 1024Mi. */
export function quantity(bytes: number): string {
  let count = Math.ceil(bytes / MEBIBYTE)
  let unit = 0
  while (count > 0 && count % 1024 === 0 && unit < UNITS.length - 1) {
    count /= 1024
    unit++
  }
  return `${count}${UNITS[unit] ?? ''}`
}
