import type { JobEvent } from '../../crds/job.ts'
import type { Kube } from '../../knative/kube/client.ts'
import { KINDS } from '../../knative/kube/kinds.ts'
import type { KubeObject, ObjectName } from '../../knative/kube/object.ts'
import { covers, withHash } from '../../knative/resources/hash.ts'
import { ANNOTATIONS, LABELS } from '../../knative/resources/labels.ts'
import { schemaCopyName } from '../../knative/resources/names.ts'
import type { SchemaCopy } from '../../knative/resources/plan.ts'
import { schemaCopy, schemaDigest } from '../../knative/resources/schema-copy.ts'
import type { CheckFailure } from '../checks/check-process.ts'
import type { CheckAnswer } from '../checks/check-request.ts'
import type { Checks } from '../checks/checks.ts'
import { createVerdicts, type Verdict } from '../checks/verdicts.ts'
import { keepServing, unsure, wrong, type Fault, type Resolved } from '../faults/fault.ts'
import { applyChild } from '../objects/apply-child.ts'
import { configMapMemo, type ConfigMap } from '../watch/config-map-memo.ts'
import { isChildOf, keyOf, type LiveJob, type Cluster } from '../watch/cluster-state.ts'

/** Finds, checks and copies the schemas of events. */
export interface Schemas {
  /** The schema copy that the listener of an event is to use. `serving` is the digest that serves now. Throws KubeError. */
  resolve(job: LiveJob, event: JobEvent, serving: string | undefined): Promise<Resolved<SchemaCopy>>
  forget(configMap: KubeObject): void
}

/** A schema in a ConfigMap: its digest, or the keys that are there instead. */
type Found = { readonly digest: string } | { readonly keys: string }

/** A change is told by the watch; this is for a removal that was missed. */
const SEEN_MS = 600_000
const MOST_SEEN = 10_000

/** Finds schemas in ConfigMaps. A valid schema is copied, and not checked again while its copy exists. */
export function createSchemas(kube: Kube, cluster: Pick<Cluster, 'configMaps'>, checks: Checks): Schemas {
  const memo = configMapMemo(kube, checks.inTurn, foundIn)
  const verdicts = createVerdicts<CheckAnswer>(checks)

  /** Metadata of ConfigMaps that the cache does not have, since they were there before the Job that names them. */
  const seen = new Map<string, { readonly metadata: KubeObject; readonly untilMs: number }>()

  const lookUp = async (place: ObjectName): Promise<KubeObject | undefined> => {
    const key = `${place.namespace}/${place.name}`
    const known = seen.get(key)
    if (known !== undefined && known.untilMs > performance.now()) return known.metadata
    const found = await kube.get(KINDS.configMap, place, { metadataOnly: true })
    if (found === undefined) return undefined
    const { namespace = '', name, uid = '', resourceVersion = '' } = found.metadata
    const metadata = { metadata: { namespace, name, uid, resourceVersion } }
    if (seen.size >= MOST_SEEN) seen.clear()
    seen.set(key, { metadata, untilMs: performance.now() + SEEN_MS })
    return metadata
  }
  const find = async (job: LiveJob, { schema }: JobEvent): Promise<string | Fault> => {
    const { key } = schema
    const place = placeOf(job, schema)
    const metadata = cluster.configMaps.get(place) ?? (await lookUp(place))
    const found = metadata && (await memo.read(metadata, keysIn(job, place.name)))?.get(key)
    if (found === undefined)
      return wrong(
        'ConfigMapMissing',
        `the ConfigMap ${place.name} is not there; make it, with the schema under the data key ${key}`,
      )
    if ('digest' in found) return found.digest
    return wrong(
      'KeyMissing',
      `the ConfigMap ${place.name} has no data key ${key} or ${key}.json, only ${found.keys}; add it, or correct schema.key`,
    )
  }
  /** Reads a schema again; undefined if it is another one by now. */
  const textOf = (job: LiveJob, { schema }: JobEvent, digest: string): Promise<string | undefined> => {
    const place = placeOf(job, schema)
    return checks.inTurn(place.namespace, async () => {
      const configMap = await kube.get<ConfigMap>(KINDS.configMap, place)
      const text = configMap && textIn(configMap, schema.key)
      return text !== undefined && schemaDigest(text) === digest ? text : undefined
    })
  }
  const check = async (job: LiveJob, event: JobEvent, digest: string): Promise<Fault | undefined> => {
    const { namespace = '', name } = job.metadata
    const verdict = await verdicts.ask(
      { tenant: namespace, key: digest, large: false, wake: keyOf(namespace, name) },
      async (): Promise<CheckAnswer | CheckFailure | undefined> => {
        const text = await textOf(job, event, digest)
        return text === undefined
          ? undefined
          : await checks.check(namespace, { kind: 'schema' }, Buffer.from(text))
      },
    )
    return faultOf(verdict, `the schema ${event.schema.key}`)
  }
  const copy = async (job: LiveJob, event: JobEvent, digest: string): Promise<SchemaCopy | Fault> => {
    const configMap = schemaCopyName(event.name, digest)
    const cached = cluster.configMaps.get({ namespace: job.metadata.namespace ?? '', name: configMap })
    const isOurs = cached !== undefined && isChildOf(cached, job)
    if (isOurs && isIntact(cached, schemaCopy(job, event, digest, ''))) return { digest, configMap }
    const fault = isOurs ? undefined : await check(job, event, digest)
    if (fault !== undefined) return fault
    const text = await textOf(job, event, digest)
    if (text === undefined)
      return unsure('SchemaUnchecked', `the schema ${event.schema.key} has just changed`)
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
    forget(configMap) {
      memo.forget(configMap)
      seen.delete(`${configMap.metadata.namespace ?? ''}/${configMap.metadata.name}`)
    },
    async resolve(job, event, serving) {
      const last = serving ?? newestCopy(job, event, cluster.configMaps.list(job.metadata.namespace))
      const earlier =
        last === undefined ? undefined : { digest: last, configMap: schemaCopyName(event.name, last) }
      const digest = await find(job, event)
      if (typeof digest !== 'string') return keepServing(digest, earlier)
      const found = await copy(job, event, digest)
      return 'digest' in found ? { serves: found, fault: undefined } : keepServing(found, earlier)
    },
  }
}

function faultOf(verdict: Verdict<CheckAnswer>, schema: string): Fault | undefined {
  if (verdict.kind === 'pending') return unsure('SchemaUnchecked', `${schema} is being checked`)
  if (verdict.kind === 'known')
    return 'fault' in verdict.value
      ? wrong('SchemaInvalid', `${schema} is not valid: ${verdict.value.fault}`)
      : undefined
  const { failure, again } = verdict
  return wrong(
    'SchemaInvalid',
    `${schema} is not valid: ${WHY[failure.failed]}; make the schema smaller, with fewer alternatives and references ` +
      `(it is tried again after ${again.toISOString()})`,
  )
}

const WHY: Readonly<Record<CheckFailure['failed'], string>> = {
  late: 'it took longer than 10 s to compile',
  memory: 'it took too much memory to compile',
  ended: 'the process that compiled it ended',
}

function placeOf(
  { metadata: { namespace = '' } }: LiveJob,
  { key, name = key }: JobEvent['schema'],
): ObjectName {
  return { namespace, name }
}

/** All keys that a Job looks for in a ConfigMap, so that it is read once for all of them. */
function keysIn({ spec }: LiveJob, name: string): readonly string[] {
  return spec.events.flatMap(({ schema }) => ((schema.name ?? schema.key) === name ? [schema.key] : []))
}

function textIn({ data = {} }: ConfigMap, key: string): string | undefined {
  return ownOf(data, key) ?? ownOf(data, `${key}.json`)
}

function ownOf(data: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined
}

function foundIn(configMap: ConfigMap, key: string): Found {
  const text = textIn(configMap, key)
  if (text !== undefined) return { digest: schemaDigest(text) }
  return {
    keys:
      Object.keys(configMap.data ?? {})
        .slice(0, 10)
        .join(', ') || 'none',
  }
}

/** Whether a copy has the metadata that it was made with. Its text is immutable. */
function isIntact(copy: KubeObject, { metadata }: KubeObject): boolean {
  const { annotations, deletionTimestamp } = copy.metadata
  return (
    deletionTimestamp === undefined &&
    annotations?.[ANNOTATIONS.hash] !== undefined &&
    covers(copy, { metadata })
  )
}

/** The digest of the newest copy, which served last; needed when there is no listener with the digest in its annotation. */
function newestCopy(job: LiveJob, { name }: JobEvent, configMaps: readonly KubeObject[]): string | undefined {
  const age = ({ metadata }: KubeObject) => Date.parse(metadata.creationTimestamp ?? '')
  const [newest] = configMaps
    .filter((configMap) => isChildOf(configMap, job) && configMap.metadata.labels?.[LABELS.event] === name)
    .sort((a, b) => age(b) - age(a))
  return newest?.metadata.annotations?.[ANNOTATIONS.schema]
}
