import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'

import { KINDS, pathOf } from '../kube/kinds.ts'
import type { KubeObject } from '../kube/object.ts'
import { LABELS } from '../resources/labels.ts'
import { NATS_ACCOUNTS_FOLDER, NATS_KEYS, NATS_SERVER } from '../resources/nats-identity.ts'
import { METRICS_PORT } from '../resources/pod.ts'

interface Kustomization {
  readonly namespace: string
  readonly resources: readonly string[]
  readonly images?: readonly { readonly name: string; readonly newTag: string }[]
}
interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
  readonly periodSeconds?: number
  readonly failureThreshold?: number
}
interface Container {
  readonly name: string
  readonly image: string
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> }
  readonly securityContext: unknown
}
interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>
}
interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas: number
    readonly selector: Selector
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly automountServiceAccountToken: boolean
        readonly securityContext: { readonly runAsNonRoot: boolean; readonly seccompProfile: unknown }
        readonly topologySpreadConstraints: readonly { readonly labelSelector: Selector }[]
        readonly volumes?: readonly object[]
        readonly shareProcessNamespace?: boolean
        readonly initContainers?: readonly Container[]
        readonly containers: readonly [Container, ...Container[]]
      }
    }
    readonly volumeClaimTemplates?: readonly [
      { readonly spec: { readonly resources: { readonly requests: { readonly storage: string } } } },
    ]
  }
}
interface Service extends KubeObject {
  readonly spec: {
    readonly clusterIP?: string
    readonly publishNotReadyAddresses: boolean
    readonly selector: Readonly<Record<string, string>>
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[]
  }
}
interface NetworkPolicy extends KubeObject {
  readonly spec: {
    readonly podSelector: Partial<Selector>
    readonly policyTypes: readonly string[]
    readonly ingress?: readonly {
      readonly from: readonly {
        readonly namespaceSelector?: Partial<Selector>
        readonly podSelector?: Partial<Selector>
      }[]
      readonly ports: readonly { readonly port: string }[]
    }[]
  }
}

const INSTALL = dirname(fileURLToPath(import.meta.url))
const ROOT = join(INSTALL, '../..')
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const base = parse(text('knative/install/base/kustomization.yaml')) as Kustomization
const objects = base.resources
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) => parseAllDocuments(text(`knative/install/base/${file}`)))
  .map((document) => document.toJS({ maxAliasCount: -1 }) as KubeObject)

function find(kind: string, name: string): KubeObject {
  const object = objects.find((other) => other.kind === kind && other.metadata.name === name)
  if (object === undefined) throw new Error(`There is no ${kind} ${name}`)
  return object
}
const operator = find('Deployment', 'jobico-operator') as Workload
const nats = find('StatefulSet', 'nats') as Workload
const service = find('Service', 'nats') as Service
const scaler = find('Service', 'jobico-scaler') as Service
const containerOf = ({ spec }: Workload) => spec.template.spec.containers[0]
const portsOf = (workload: Workload) =>
  new Map(containerOf(workload).ports.map(({ name, containerPort }) => [name, containerPort]))
const hostOf = (name: string) => `${name}.${base.namespace}.svc.cluster.local`

/** Each verb on each resource, as `verb resource.group name`. */
function grants(kind: string, name: string): string[] {
  const { rules } = find(kind, name) as KubeObject & { readonly rules: readonly Rule[] }
  return rules
    .flatMap(({ apiGroups, resources, resourceNames = ['*'], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          resourceNames.flatMap((only) => verbs.map((verb) => `${verb} ${resource}.${group} ${only}`)),
        ),
      ),
    )
    .sort()
}
const verbs = (on: string, ...names: readonly string[]) => names.map((verb) => `${verb} ${on} *`)

const ROLES = [
  {
    kind: 'ClusterRole',
    name: 'jobico-operator',
    want: [
      ...verbs('jobs.jobico.coeux.dev', 'get', 'list', 'watch', 'patch'),
      ...verbs('jobs/status.jobico.coeux.dev', 'patch'),
      ...verbs('jobs/finalizers.jobico.coeux.dev', 'update'),
      ...verbs('configmaps.', 'get', 'list', 'watch', 'create', 'patch', 'delete'),
      ...verbs('pods.', 'list', 'watch'),
      ...verbs('services.', 'get'),
      ...verbs('deployments.apps', 'get', 'list', 'watch', 'create', 'patch', 'delete'),
      ...verbs('services.serving.knative.dev', 'get', 'list', 'watch', 'create', 'patch', 'delete'),
      ...verbs('revisions.serving.knative.dev', 'get', 'list'),
      ...verbs('scaledobjects.keda.sh', 'get', 'list', 'watch', 'create', 'patch', 'delete'),
      'create secrets. jobico-nats',
      'patch secrets. jobico-nats',
      ...verbs('events.events.k8s.io', 'create'),
    ],
  },
  { kind: 'ClusterRole', name: 'jobico-operator-sinks', want: [] },
  {
    kind: 'Role',
    name: 'jobico-operator',
    want: [
      'create leases.coordination.k8s.io *',
      'get leases.coordination.k8s.io jobico-operator',
      'update leases.coordination.k8s.io jobico-operator',
      'get pods. *',
      'create secrets. *',
      'get secrets. jobico-nats-keys',
      'update secrets. jobico-nats-keys',
    ],
  },
  {
    kind: 'ClusterRole',
    name: 'jobico-jobs-view',
    want: [
      ...verbs('jobs.jobico.coeux.dev', 'get', 'list', 'watch'),
      ...verbs('jobs/status.jobico.coeux.dev', 'get'),
    ],
  },
  {
    kind: 'ClusterRole',
    name: 'jobico-jobs-edit',
    want: verbs('jobs.jobico.coeux.dev', 'create', 'update', 'patch', 'delete', 'deletecollection'),
  },
]

t.test('roles grant these verbs, and no others', (t) => {
  for (const { kind, name, want } of ROLES) t.same(grants(kind, name), [...want].sort(), `${kind} ${name}`)
  t.same(
    objects
      .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
      .map(({ metadata }) => metadata.name),
    ROLES.map(({ name }) => name),
  )
  t.end()
})

t.test('everything that the operator follows is a kind that it may list and watch', (t) => {
  const granted = new Set(grants('ClusterRole', 'jobico-operator'))
  const { job, configMap, pod, deployment, knativeService, scaledObject } = KINDS
  for (const kind of [job, configMap, pod, deployment, knativeService, scaledObject]) {
    const group = kind.apiVersion.includes('/') ? kind.apiVersion.replace(/\/.*/, '') : ''
    for (const verb of ['list', 'watch'])
      t.ok(granted.has(`${verb} ${kind.plural}.${group} *`), `${verb} ${pathOf(kind)}`)
  }
  t.end()
})

t.test('names and labels', (t) => {
  for (const { kind, metadata } of objects)
    t.type(metadata.labels?.[LABELS.name], 'string', `${kind} ${metadata.name}`)
  t.match(find('Namespace', base.namespace).metadata.labels, {
    'pod-security.kubernetes.io/enforce': 'restricted',
  })
  for (const workload of [operator, nats]) {
    const { selector, template } = workload.spec
    const { name } = workload.metadata
    t.match(template.metadata.labels, { ...selector.matchLabels, [LABELS.partOf]: 'jobico' }, name)
    t.match(find('PodDisruptionBudget', name), { spec: { selector } }, `the budget of ${name}`)
    for (const { labelSelector } of template.spec.topologySpreadConstraints)
      t.same(labelSelector, selector, name)
  }
  t.same(service.spec.selector, nats.spec.selector.matchLabels)
  t.equal(containerOf(operator).name, 'operator', 'the container whose image listeners and runners get')
  t.end()
})

t.test('pods meet the restricted Pod Security Standard', (t) => {
  for (const workload of [operator, nats]) {
    const { securityContext, volumes = [], initContainers = [], containers } = workload.spec.template.spec
    t.match(securityContext, {
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const container of [...initContainers, ...containers]) {
      t.same(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      t.match(container.resources, { requests: { cpu: String, memory: String }, limits: { memory: String } })
    }
    for (const volume of volumes) t.notOk('hostPath' in volume)
  }
  t.equal(nats.spec.template.spec.automountServiceAccountToken, false)
  t.equal(operator.spec.template.spec.automountServiceAccountToken, true)
  t.end()
})

t.test('the operator is told what it reads, and nothing else', (t) => {
  const source = text('operator/config.ts')
  const read = [...source.matchAll(/env\.\w+\(\s*'([A-Z_]+)'/g)].map(([, name]) => name)
  const required = [...source.matchAll(/env\.text\('([A-Z_]+)'\)/g)].map(([, name]) => name)
  const told = containerOf(operator).env.map(({ name }) => name)
  for (const name of told) t.ok(read.includes(name), `${name} is read`)
  for (const name of required) t.ok(name !== undefined && told.includes(name), `${name} is told`)
  const value = (name: string) => containerOf(operator).env.find((variable) => variable.name === name)?.value
  const port = (name: string) => service.spec.ports.find((other) => other.name === name)?.port
  const names = Array.from({ length: nats.spec.replicas }, (_, i) => `nats-${i}.${hostOf('nats')}`)
  t.equal(value('NATS_URL'), names.map((name) => `nats://${name}:${port('client')}`).join(','))
  t.equal(value('SCALER_PORT'), String(portsOf(operator).get('scaler')))
  t.equal(value('METRICS_PORT'), String(METRICS_PORT))
  t.equal(value('JOBICO_QUEUE_REPLICAS'), String(nats.spec.replicas))
  t.end()
})

t.test('ports are those that others reach', (t) => {
  t.same(Object.fromEntries(portsOf(operator)), { metrics: METRICS_PORT, scaler: 9090 })
  t.same(scaler.spec.selector, operator.spec.selector.matchLabels, 'leading or not')
  t.match(scaler.spec.ports, [{ port: portsOf(operator).get('scaler'), targetPort: 'scaler' }])
  t.equal(scaler.spec.clusterIP, undefined)
  const ports = portsOf(nats)
  t.same(Object.fromEntries(ports), { client: 4222, cluster: 6222, monitoring: 8222 })
  for (const { name, port, targetPort } of service.spec.ports) t.equal(ports.get(targetPort), port, name)
  t.match(service.spec, { clusterIP: 'None', publishNotReadyAddresses: true })
  for (const workload of [operator, nats]) {
    const { startupProbe, livenessProbe, readinessProbe } = containerOf(workload)
    for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe])
      t.ok(portsOf(workload).has(httpGet.port), httpGet.path)
  }
  const server = text('knative/install/base/nats.conf')
  const cluster = text('knative/install/base/cluster.conf')
  t.match(server, `\nport: ${ports.get('client')}\n`)
  t.match(server, `\nhttp_port: ${ports.get('monitoring')}\n`)
  t.match(cluster, `port: ${ports.get('cluster')}\n`)
  const routes = containerOf(nats).env.filter(({ name }) => name.startsWith('ROUTE_'))
  t.match(cluster, `routes: [ ${routes.map(({ name }) => `$${name}`).join(', ')} ]`)
  t.same(
    routes.map(({ value }) => value),
    Array.from(
      { length: nats.spec.replicas },
      (_, i) => `nats-route://jobico:$(CLUSTER_PASSWORD)@nats-${i}.${hostOf('nats')}:6222`,
    ),
  )
  t.end()
})

t.test('nothing gets in but what is named', (t) => {
  const policy = (name: string) => (find('NetworkPolicy', name) as NetworkPolicy).spec
  const keda = { matchLabels: { 'kubernetes.io/metadata.name': 'keda' } }
  t.same(policy('nothing'), { podSelector: {}, policyTypes: ['Ingress'] })
  t.same(policy('jobico-operator').podSelector, operator.spec.selector)
  t.same(policy('jobico-operator').ingress, [
    { from: [{ namespaceSelector: {} }], ports: [{ port: 'metrics' }] },
    { from: [{ namespaceSelector: keda }], ports: [{ port: 'scaler' }] },
  ])
  t.same(policy('nats').podSelector, nats.spec.selector)
  const ours = { matchLabels: { [LABELS.partOf]: 'jobico' } }
  t.same(policy('nats').ingress, [
    {
      from: [{ namespaceSelector: {}, podSelector: ours }, { podSelector: {} }],
      ports: [{ port: 'client' }],
    },
    { from: [{ podSelector: nats.spec.selector }], ports: [{ port: 'cluster' }] },
    { from: [{ podSelector: {} }], ports: [{ port: 'monitoring' }] },
  ])
  t.end()
})

t.test('the container storage is told what it reads, of the server beside it', (t) => {
  const [server, storage] = nats.spec.template.spec.containers
  const source = text('functions/storage/config.ts')
  const read = [...source.matchAll(/env\.\w+\('([A-Z_]+)'/g)].map(([, name]) => name)
  const required = [...source.matchAll(/env\.text\('([A-Z_]+)'\)/g)].map(([, name]) => name)
  const told = new Map(storage?.env.map(({ name, value }) => [name, value]))
  for (const name of told.keys()) t.ok(read.includes(name), `${name} is read`)
  for (const name of required) t.ok(told.has(name ?? ''), `${name} is told`)
  const ports = portsOf(nats)
  t.equal(told.get('NATS_URL'), `nats://127.0.0.1:${ports.get('client')}`)
  t.equal(told.get('JOBICO_NATS_MONITORING_URL'), `http://127.0.0.1:${ports.get('monitoring')}`)
  const config = text('knative/install/base/nats.conf')
  t.match(config, `store_dir: ${told.get('JOBICO_STORAGE_FOLDER')}\n`)
  t.match(config, `pid_file: ${told.get('JOBICO_NATS_PID_FILE')}\n`)
  t.equal(nats.spec.template.spec.shareProcessNamespace, true, 'so that it can end the server')
  const mounts = (container?: Container) =>
    new Map(container?.volumeMounts.map(({ name, mountPath }) => [name, mountPath]))
  for (const name of ['data', 'run']) t.equal(mounts(server).get(name), mounts(storage).get(name), name)
  t.equal(told.get('NATS_CREDS_FILE'), `${mounts(storage).get('credentials')}/storage.creds`)
  t.end()
})

t.test('servers get what the operator makes for them, and no key', (t) => {
  const { initContainers: [adopt] = [], containers, volumes = [] } = nats.spec.template.spec
  const [server, storage] = containers
  const config = { name: 'jobico-nats-server', items: [{ key: 'identities.conf', path: 'identities.conf' }] }
  t.same(
    volumes.filter((volume) => !('emptyDir' in volume)),
    [
      { name: 'config', projected: { sources: [{ configMap: { name: 'nats' } }, { configMap: config }] } },
      {
        name: 'id',
        configMap: { name: NATS_SERVER.configMap, items: [{ key: NATS_SERVER.id, path: 'id' }] },
      },
      {
        name: 'credentials',
        secret: { secretName: NATS_KEYS.secret, items: [{ key: NATS_KEYS.storage, path: 'storage.creds' }] },
      },
    ],
  )
  t.match(text('knative/install/base/nats.conf'), '\ninclude identities.conf\n')
  t.match(text('knative/install/base/nats.conf'), `store_dir: ${dirname(NATS_ACCOUNTS_FOLDER)}\n`)
  const secrets = nats.spec.template.spec.containers.flatMap(({ env }) =>
    env.flatMap(({ valueFrom }) =>
      valueFrom !== undefined && 'secretKeyRef' in valueFrom ? [valueFrom] : [],
    ),
  )
  t.same(secrets, [{ secretKeyRef: { name: NATS_KEYS.secret, key: NATS_KEYS.clusterPassword } }])
  const mountsOf = (container?: Container) => container?.volumeMounts.map(({ name }) => name)
  t.same(mountsOf(server), ['data', 'config', 'run'])
  t.same(mountsOf(storage), ['data', 'run', 'credentials'])
  t.same(mountsOf(adopt), ['data', 'id'])
  t.same(Object.fromEntries((adopt?.env ?? []).map(({ name, value }) => [name, value])), {
    JOBICO_NATS_STORE: '/data/jetstream',
    JOBICO_NATS_ID_FILE: '/etc/jobico/nats/id',
  })
  t.equal(containerOf(operator).env.find(({ name }) => name === 'JOBICO_NATS_ACCOUNTS')?.value, 'true')
  t.end()
})

t.test('a full disk makes no loop of restarts, but streams that have stopped are seen', (t) => {
  const { livenessProbe } = containerOf(nats)
  t.equal(livenessProbe.httpGet.path, '/healthz')
  const { periodSeconds = 10, failureThreshold = 3 } = livenessProbe
  t.ok(periodSeconds * failureThreshold > 600, 'Kubernetes has forgotten the last restart by then')
  t.end()
})

t.test('NATS reserves nothing that its volume does not have, and has time to leave', (t) => {
  const server = text('knative/install/base/nats.conf')
  const seconds = (name: string) => Number(new RegExp(`${name}: (\\d+)s`).exec(server)?.[1])
  t.match(server, /max_file_store: 1PB\n/, 'far above any volume')
  const leaving = seconds('lame_duck_grace_period') + seconds('lame_duck_duration')
  t.ok(leaving < nats.spec.template.spec.terminationGracePeriodSeconds)
  t.end()
})

t.test('all places name one version of NATS', (t) => {
  const version = containerOf(nats).image.replace(/^nats:/, '')
  t.match(version, /^2\.\d+\.\d+$/)
  t.match(text('scripts/cluster/lib.sh'), `\nNATS_VERSION=v${version}\n`)
  t.match(text('scripts/e2e/prepare.ts'), `newTag: 'v${version}'`)
  t.end()
})
