import { admitJob } from '../../crds/admission.ts'
import type { Job } from '../../crds/job.ts'
import { isRecord, withoutNulls } from '../../crds/structure.ts'
import { readTextMap, type TextMap } from './core-kinds.ts'
import type { FileDocument } from './documents.ts'
import type { JobFileFault } from './fault.ts'
import type { Place } from './place.ts'

/** A Job with its defaults, and the document that it is in. */
export interface JobManifest {
  readonly job: Job
  readonly namespace: string
  readonly document: FileDocument
}

/** What the documents hold, each kind by itself, and everything that is wrong with them one by one and together. */
export interface Manifests {
  readonly jobs: readonly JobManifest[]
  readonly texts: readonly TextMap[]
  readonly faults: readonly JobFileFault[]
}

/** Sorts documents by their kind and checks each; names and events that two of them claim are faults of the later one. */
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
  return { jobs, texts, faults: [...faults, ...takenNames(jobs, texts), ...takenEvents(jobs, place)] }
}

function readManifest(document: FileDocument, { namespace }: Place): JobManifest | TextMap | JobFileFault[] {
  const value = withoutNulls(document.value)
  if (!isRecord(value)) return [document.fault([], 'must be a mapping with apiVersion and kind')]
  const { apiVersion, kind } = value
  if (apiVersion === 'jobico.coeux.dev/v1' && kind === 'Job') return readJob(document, value, namespace)
  if (apiVersion === 'v1' && (kind === 'ConfigMap' || kind === 'Secret'))
    return readTextMap(kind, document, namespace)
  const named = `${shown(kind, 'kind')} with ${shown(apiVersion, 'apiVersion')}`
  const taken = 'Job of jobico.coeux.dev/v1, and ConfigMap and Secret of v1'
  return [
    document.fault(
      ['kind'],
      `this is a document of ${named}; taken here are ${taken}, so correct it or take it out`,
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

function takenNames(jobs: readonly JobManifest[], texts: readonly TextMap[]): JobFileFault[] {
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
  return taken(
    named.map((each) => ({ ...each, path: ['metadata', 'name'] })),
    (label, where) =>
      `the ${label} is already in ${where}; give this one another name or take one of them out`,
  )
}

// On one machine, all events share one port, whatever their namespaces, and their names tell them apart there.
function takenEvents(jobs: readonly JobManifest[], { inCluster }: Place): JobFileFault[] {
  const named = jobs.flatMap(({ job, namespace, document }) =>
    job.spec.events.map(({ name }, index) => ({
      label: name,
      scope: inCluster ? namespace : '',
      owner: job.metadata.name,
      document,
      path: ['spec', 'events', index, 'name'],
    })),
  )
  return taken(
    named,
    (label, where, owner) =>
      `the Job ${owner} has an event ${label} already (${where}); give one of the two another name`,
  )
}

interface Claim {
  readonly label: string
  /** Labels of different scopes are different. */
  readonly scope?: string
  readonly owner?: string
  readonly document: FileDocument
  readonly path: readonly (string | number)[]
}

function taken(
  claims: readonly Claim[],
  word: (label: string, where: string, owner: string) => string,
): JobFileFault[] {
  const first = new Map<string, Claim>()
  return claims.flatMap((claim) => {
    const name = `${claim.scope ?? ''}/${claim.label}`
    const holder = first.get(name)
    if (!holder) {
      first.set(name, claim)
      return []
    }
    const { file, line } = holder.document.fault(holder.path, '')
    const where = line === undefined ? file : `${file}:${line}`
    return [claim.document.fault(claim.path, word(claim.label, where, holder.owner ?? ''))]
  })
}
