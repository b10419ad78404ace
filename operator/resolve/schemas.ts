import type { JobEvent } from '../../crds/job.ts'
import { messageOf } from '../../functions/process/errors.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject } from '../../knative/kube/object.ts'
import { ANNOTATIONS, LABELS } from '../../knative/resources/labels.ts'
import { schemaCopyName } from '../../knative/resources/names.ts'
import type { SchemaCopy } from '../../knative/resources/plan.ts'
import { schemaCopy, schemaDigest } from '../../knative/resources/schema-copy.ts'
import { withHash } from '../../knative/resources/hash.ts'
import { applyChild } from '../objects/apply-child.ts'
import { configMapMemo, type ConfigMap } from '../watch/config-map-memo.ts'
import { keepServing, wrong, type Fault, type Resolved } from '../faults/fault.ts'
import { createSchemaCheck } from './schema-check.ts'
import { isChildOf, type LiveJob, type Cluster } from '../watch/cluster-state.ts'

/** Finds, checks and copies the schemas of events. */
export interface Schemas {
  /** The schema copy that the listener of an event is to use. `serving` is the digest that serves now. Throws KubeError. */
  resolve(job: LiveJob, event: JobEvent, serving: string | undefined): Promise<Resolved<SchemaCopy>>
  forget(configMap: KubeObject): void
}

const MAX_KNOWN_FAULTS = 1_000

/** Finds schemas in ConfigMaps. A valid schema is copied, and not checked again while its copy exists. */
export function createSchemas(kube: Kube, cluster: Pick<Cluster, 'configMaps'>): Schemas {
  const texts = configMapMemo(kube, textsOf)
  const faults = new Map<string, string | undefined>()
  const schemaFault = createSchemaCheck()

  const check = async (digest: string, text: string) => {
    if (faults.has(digest)) return faults.get(digest)
    try {
      const fault = await schemaFault(text)
      if (faults.size >= MAX_KNOWN_FAULTS) faults.clear()
      faults.set(digest, fault)
      return fault
    } catch (thrown) {
      return messageOf(thrown) // not cached: a busy machine may have been the cause
    }
  }
  const find = async (job: LiveJob, { schema }: JobEvent): Promise<string | Fault> => {
    const { key, name = key } = schema
    const metadata = cluster.configMaps.get({ namespace: job.metadata.namespace ?? '', name })
    const found = metadata && (await texts.read(metadata))
    if (found === undefined)
      return wrong(
        'ConfigMapMissing',
        `the ConfigMap ${name} is not there; make it, with the schema under the data key ${key}`,
      )
    const text = found.get(key) ?? found.get(`${key}.json`)
    return (
      text ??
      wrong(
        'KeyMissing',
        `the ConfigMap ${name} has no data key ${key} or ${key}.json, only ${[...found.keys()].slice(0, 10).join(', ') || 'none'}; add it, or correct schema.key`,
      )
    )
  }
  const copy = async (job: LiveJob, event: JobEvent, text: string): Promise<SchemaCopy | Fault> => {
    const digest = schemaDigest(text)
    const configMap = schemaCopyName(event.name, digest)
    const cached = cluster.configMaps.get({ namespace: job.metadata.namespace ?? '', name: configMap })
    if (cached === undefined || !isChildOf(cached, job)) {
      const fault = await check(digest, text)
      if (fault !== undefined)
        return wrong('SchemaInvalid', `the schema ${event.schema.key} is not valid: ${fault}`)
    }
    const desired = withHash(schemaCopy(job, event, digest, text))
    const applied = await applyChild(kube, job, {
      kind: KINDS.configMap,
      desired,
      cached,
      metadataOnly: true,
    })
    return 'fault' in applied ? applied.fault : { digest, configMap }
  }
  return {
    forget: texts.forget,
    async resolve(job, event, serving) {
      const digest = serving ?? newestCopy(job, event, cluster.configMaps.list(job.metadata.namespace))
      const earlier =
        digest === undefined ? undefined : { digest, configMap: schemaCopyName(event.name, digest) }
      const text = await find(job, event)
      if (typeof text !== 'string') return keepServing(text, earlier)
      const found = await copy(job, event, text)
      return 'digest' in found ? { serves: found, fault: undefined } : keepServing(found, earlier)
    },
  }
}

function textsOf({ data = {} }: ConfigMap): ReadonlyMap<string, string> {
  return new Map(Object.entries(data))
}

/** The digest of the newest copy, which served last; needed when there is no listener with the digest in its annotation. */
function newestCopy(job: LiveJob, { name }: JobEvent, configMaps: readonly KubeObject[]): string | undefined {
  const age = ({ metadata }: KubeObject) => Date.parse(metadata.creationTimestamp ?? '')
  const [newest] = configMaps
    .filter((configMap) => isChildOf(configMap, job) && configMap.metadata.labels?.[LABELS.event] === name)
    .sort((a, b) => age(b) - age(a))
  return newest?.metadata.annotations?.[ANNOTATIONS.schema]
}
