import { admitJob } from '../../crds/admission.ts'
import type { Job } from '../../crds/job.ts'
import { isRecord, withoutNulls } from '../../crds/structure.ts'
import { readTextMap, type TextMap } from './core-kinds.ts'
import type { FileDocument } from './documents.ts'
import type { JobFileFault } from './fault.ts'
import type { Place } from './place.ts'

/** A Job with its defaults, and its document. */
export interface JobManifest {
  readonly job: Job
  readonly namespace: string
  readonly document: FileDocument
}

/** The valid objects of documents, by kind, and the faults of all documents. */
export interface Manifests {
  readonly jobs: readonly JobManifest[]
  readonly texts: readonly TextMap[]
  readonly faults: readonly JobFileFault[]
}

/** Sorts documents by kind and checks each. If two have the same name or event, the later one has a fault. */
export function readManifests(documents: readonly FileDocument[], place: Place): Manifests {
  const jobs: JobManifest[] = []
  const texts: TextMap[] = []
  const faults: JobFileFault[] = []
  for (const document of documents) {
    const manifest = readManifest(document, place)
    if (Array.isArray(manifest)) faults.push(...manifest)
    else if ('job' in manifest) jobs.push(manifest)
    else texts.push(manifest)
  }
  return { jobs, texts, faults: [...faults, ...duplicateNames(jobs, texts), ...duplicateEvents(jobs, place)] }
}

function readManifest(document: FileDocument, { namespace }: Place): JobManifest | TextMap | JobFileFault[] {
  const value = withoutNulls(document.value)
  if (!isRecord(value)) return [document.fault([], 'must be a mapping with apiVersion and kind')]
  const { apiVersion, kind } = value
  if (apiVersion === 'jobico.coeux.dev/v1' && kind === 'Job') return readJob(document, value, namespace)
  if (apiVersion === 'v1' && (kind === 'ConfigMap' || kind === 'Secret'))
    return readTextMap(kind, document, namespace)
  const named = `${shown(kind, 'kind')} with ${shown(apiVersion, 'apiVersion')}`
  const accepted = 'Job of jobico.coeux.dev/v1, and ConfigMap and Secret of v1'
  return [
    document.fault(
      ['kind'],
      `this is a document of ${named}; accepted here are ${accepted}, so correct it or remove it`,
    ),
  ]
}

function shown(value: unknown, field: string): string {
  return value === undefined ? `no ${field}` : `${field} ${JSON.stringify(value)}`
}

function readJob(document: FileDocument, value: object, namespace: string): JobManifest | JobFileFault[] {
  const admission = admitJob(value)
  if ('faults' in admission) return admission.faults.map(({ path, message }) => document.fault(path, message))
  const { job } = admission
  return { job, namespace: job.metadata.namespace ?? namespace, document }
}

function duplicateNames(jobs: readonly JobManifest[], texts: readonly TextMap[]): JobFileFault[] {
  const named = [
    ...jobs.map(({ job, namespace, document }) => ({
      label: `Job ${namespace}/${job.metadata.name}`,
      document,
    })),
    ...texts.map(({ kind, namespace, name, document }) => ({
      label: `${kind} ${namespace}/${name}`,
      document,
    })),
  ]
  return duplicates(
    named.map((each) => ({ ...each, path: ['metadata', 'name'] })),
    (label, where) => `the ${label} is already in ${where}; give this one another name or remove one of them`,
  )
}

// On one machine, the events of all namespaces share one port, and only their names distinguish them.
function duplicateEvents(jobs: readonly JobManifest[], { inCluster }: Place): JobFileFault[] {
  const named = jobs.flatMap(({ job, namespace, document }) =>
    job.spec.events.map(({ name }, index) => ({
      label: name,
      scope: inCluster ? namespace : '',
      owner: job.metadata.name,
      document,
      path: ['spec', 'events', index, 'name'],
    })),
  )
  return duplicates(
    named,
    (label, where, owner) =>
      `the Job ${owner} has an event ${label} already (${where}); give one of the two another name`,
  )
}

interface Named {
  readonly label: string
  /** Labels of different scopes are different. */
  readonly scope?: string
  readonly owner?: string
  readonly document: FileDocument
  readonly path: readonly (string | number)[]
}

function duplicates(
  items: readonly Named[],
  message: (label: string, where: string, owner: string) => string,
): JobFileFault[] {
  const first = new Map<string, Named>()
  return items.flatMap((item) => {
    const name = `${item.scope ?? ''}/${item.label}`
    const earlier = first.get(name)
    if (!earlier) {
      first.set(name, item)
      return []
    }
    const { file, line } = earlier.document.fault(earlier.path, '')
    const where = line === undefined ? file : `${file}:${line}`
    return [item.document.fault(item.path, message(item.label, where, earlier.owner ?? ''))]
  })
}
