/** A kind of object of the Kubernetes API. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
  /** The name of the kind in paths. */
  readonly plural: string
  readonly namespaced: boolean
}

const namespaced = (apiVersion: string, kind: string, plural: string): Kind => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
})

/** Every kind that Jobico reads or writes. */
export const KINDS = {
  job: namespaced('jobico.coeux.dev/v1', 'Job', 'jobs'),
  configMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  secret: namespaced('v1', 'Secret', 'secrets'),
  pod: namespaced('v1', 'Pod', 'pods'),
  service: namespaced('v1', 'Service', 'services'),
  endpointSlice: namespaced('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  knativeService: namespaced('serving.knative.dev/v1', 'Service', 'services'),
  revision: namespaced('serving.knative.dev/v1', 'Revision', 'revisions'),
  scaledObject: namespaced('keda.sh/v1alpha1', 'ScaledObject', 'scaledobjects'),
  lease: namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  event: namespaced('events.k8s.io/v1', 'Event', 'events'),
} as const satisfies Record<string, Kind>

/** The path of all objects of a kind, or of the one with that name. */
export function pathOf(kind: Kind, namespace?: string, name?: string): string {
  const group = kind.apiVersion.includes('/') ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`
  const scope =
    kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${group}${scope}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}
