import { isDeepStrictEqual } from 'node:util'

import type { Kube } from '../../../knative/kube/client.ts'
import { KINDS } from '../../../knative/kube/kinds.ts'
import type { KubeObject } from '../../../knative/kube/object.ts'
import type { FileObject } from '../../job-files/cluster-files.ts'
import { JobFileError } from '../../job-files/fault.ts'

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

/** The ConfigMap of schemas in plain files, as it is to be applied. */
export interface SchemaManifest {
  readonly metadata: object
  readonly data: Readonly<Record<string, string>>
}

/** What the cluster has of a ConfigMap, and of the Jobs that are to own it. */
export interface Live {
  readonly configMap: ConfigMap | undefined
  readonly jobs: readonly KubeObject[]
}

/**
 * Makes the Jobs that refer to a ConfigMap of schema files its owners, as far as they exist yet: so it is deleted with the
 * last of them. Leaves objects of documents alone. Throws a JobFileError if another Job owns such a ConfigMap and has another
 * schema under the same key.
 */
export async function withOwners(kube: Kube, objects: readonly FileObject[]): Promise<readonly FileObject[]> {
  return await Promise.all(
    objects.map(async (object) => {
      if (object.owners === undefined) return object
      const manifest = object.manifest as SchemaManifest
      const live = await liveOf(kube, object, object.owners)
      const differing = differingKeys(manifest, live)
      if (differing.length > 0)
        throw new JobFileError([
          object.fault(
            ['data'],
            `another Job has another schema under ${differing.join(', ')} in the ConfigMap ${object.name}; give these events another schema.name`,
          ),
        ])
      return { ...object, manifest: ownedManifest(manifest, live) }
    }),
  )
}

/** The objects that are not as they were in `before`. Pure. */
export function changedSince(
  before: readonly FileObject[],
  after: readonly FileObject[],
): readonly FileObject[] {
  return after.filter(({ manifest }, index) => !isDeepStrictEqual(manifest, before[index]?.manifest))
}

async function liveOf(kube: Kube, { namespace, name }: FileObject, owners: readonly string[]): Promise<Live> {
  const [configMap, ...jobs] = await Promise.all([
    kube.get<ConfigMap>(KINDS.configMap, { namespace, name }),
    ...owners.map((job) => kube.get<KubeObject>(KINDS.job, { namespace, name: job })),
  ])
  return {
    configMap,
    jobs: jobs.filter(
      (job) => job !== undefined && job.metadata.deletionTimestamp === undefined,
    ) as KubeObject[],
  }
}

/** The owners among `configMap`'s that are other Jobs. */
function otherOwners({ configMap, jobs }: Live) {
  const own = new Set(jobs.map(({ metadata }) => metadata.name))
  return (configMap?.metadata.ownerReferences ?? []).filter(
    ({ kind, name }) => kind === KINDS.job.kind && !own.has(name),
  )
}

/** The keys under which another Job has another schema in the same ConfigMap. Pure. */
export function differingKeys({ data }: SchemaManifest, live: Live): string[] {
  const theirs = otherOwners(live).length === 0 ? {} : (live.configMap?.data ?? {})
  return Object.keys(data).filter((key) => theirs[key] !== undefined && theirs[key] !== data[key])
}

/**
 * Adds the owners. Without what other Jobs have in the ConfigMap, a server-side apply would take it from them. Pure.
 */
export function ownedManifest(manifest: SchemaManifest, live: Live): object {
  const others = otherOwners(live)
  const owners = live.jobs.map(({ metadata: { name, uid } }) => ({ name, uid }))
  const ownerReferences = [...owners, ...others].map(({ name, uid }) => ({
    apiVersion: KINDS.job.apiVersion,
    kind: KINDS.job.kind,
    name,
    uid,
  }))
  return {
    ...manifest,
    metadata: { ...manifest.metadata, ...(ownerReferences.length > 0 && { ownerReferences }) },
    data: { ...(others.length > 0 && live.configMap?.data), ...manifest.data },
  }
}
