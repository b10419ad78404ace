import type { JobEvent } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import { isRecord, withoutNulls, type ObjectPath } from '../../crds/structure.ts'
import { LABELS } from '../../knative/resources/labels.ts'
import type { FileDocument } from './documents.ts'
import type { JobFileFault } from './fault.ts'
import { readJobFiles, throwFaults } from './load.ts'
import type { LocalModule } from './local-job.ts'
import type { JobManifest, Manifests } from './manifests.ts'
import { findModule } from './modules.ts'
import { authTokensOf, envOf, schemaOf, type Referrer } from './references.ts'
import { modulesOfFile } from './resolve.ts'

/** One event of a Job that goes into a cluster. */
export interface ClusterEvent {
  readonly name: string
  /** The module's name in the cluster. */
  readonly wasm: string
  readonly memoryBytes: number
  /** Absent where the cluster has the module already. */
  readonly module: LocalModule | undefined
  /** Absent where the schema is in none of the files. */
  readonly schema: { readonly text: string; readonly json: unknown } | undefined
  /** Where the name of the schema's ConfigMap and its keys stand for, the first of which is taken. */
  readonly schemaPlace: { readonly name: string; readonly keys: readonly string[] }
  /** The key of the Secret with the bearer tokens; absent where anyone may send. */
  readonly tokens: { readonly name: string; readonly key: string } | undefined
}

/** A Job of the files that goes into a cluster. */
export interface ClusterJob {
  readonly namespace: string
  readonly name: string
  /** The file as it was named. */
  readonly file: string
  readonly events: readonly ClusterEvent[]
}

/** An object as it is to be applied, with its namespace in it. */
export interface FileObject {
  readonly kind: 'ConfigMap' | 'Secret' | 'Job'
  readonly namespace: string
  readonly name: string
  readonly manifest: object
  /** A fault at a place of the object in its file. */
  fault(path: ObjectPath, message: string): JobFileFault
}

/** What files bring into a cluster; `objects` are in the order in which they are applied, Jobs last. */
export interface ClusterFiles {
  readonly jobs: readonly ClusterJob[]
  readonly objects: readonly FileObject[]
}

/** What the reading of files needs to know of the cluster. */
export interface ClusterPlace {
  /** The namespace of documents that name none. */
  readonly namespace: string
  /** Whether documents of other namespaces are refused. */
  readonly only: boolean
  /** Whether a module of this name is in the namespace already. */
  hasModule(namespace: string, name: string): Promise<boolean>
}

/**
 * Reads the Jobs of YAML files, and the ConfigMaps and Secrets beside them, as they are to go into a cluster. What they refer
 * to may be in the cluster already. Throws one JobFileError with everything that is wrong.
 */
export async function loadForCluster(paths: readonly string[], place: ClusterPlace): Promise<ClusterFiles> {
  const { files, manifests } = await readJobFiles(paths, { namespace: place.namespace, inCluster: true })
  const objects = objectsOf(manifests)
  if (place.only) throwFaults(strayFaults(objects, place.namespace), files)
  const faults: JobFileFault[] = []
  const jobs = await Promise.all(manifests.jobs.map((job) => clusterJob(job, { manifests, place, faults })))
  throwFaults(faults, files)
  return { jobs, objects }
}

interface Surroundings {
  readonly manifests: Manifests
  readonly place: ClusterPlace
  readonly faults: JobFileFault[]
}

async function clusterJob(
  { job, namespace, document }: JobManifest,
  around: Surroundings,
): Promise<ClusterJob> {
  const events = await Promise.all(
    job.spec.events.map((event, index) =>
      clusterEvent(event, ['spec', 'events', index], { ...around, namespace, document }),
    ),
  )
  return { namespace, name: job.metadata.name, file: document.file, events }
}

interface EventSurroundings extends Surroundings {
  readonly namespace: string
  readonly document: FileDocument
}

async function clusterEvent(
  event: JobEvent,
  at: ObjectPath,
  around: EventSurroundings,
): Promise<ClusterEvent> {
  const { namespace, document, faults, manifests } = around
  const referrer: Referrer = { document, namespace, texts: manifests.texts, elsewhere: true, faults }
  envOf(event, at, referrer)
  authTokensOf(event, at, referrer)
  const { key, name = key } = event.schema
  return {
    name: event.name,
    wasm: event.wasm,
    memoryBytes: parseQuantity(event.memory),
    module: await moduleOf(event, at, around),
    schema: schemaOf(event, at, referrer),
    schemaPlace: { name, keys: [key, `${key}.json`] },
    tokens: event.listener.auth?.secretKeyRef,
  }
}

async function moduleOf(
  { wasm }: JobEvent,
  at: ObjectPath,
  { document, namespace, manifests, place, faults }: EventSurroundings,
): Promise<LocalModule | undefined> {
  const onlyModule = modulesOfFile(manifests.jobs, document.file) === 1
  const found = await findModule({ wasm, jobFile: document.file, onlyModule })
  if ('kind' in found) return found
  if (hasInFiles(manifests, namespace, wasm) || (await place.hasModule(namespace, wasm))) return undefined
  const message = `the module ${wasm} was not found; looked beside the Job file for ${found.lookedFor.join(', ')}, and in the namespace ${namespace}; put it in one of these places, or bring it there with: jobico push ${wasm}`
  faults.push(document.fault([...at, 'wasm'], message))
  return undefined
}

/** Whether a ConfigMap of the files brings the module. */
function hasInFiles({ texts }: Manifests, namespace: string, wasm: string): boolean {
  return texts.some(
    (text) =>
      text.kind === 'ConfigMap' && text.namespace === namespace && bringsModule(text.document.value, wasm),
  )
}

/** Whether a ConfigMap says of itself that it holds modules, and holds the one of this name. */
export function bringsModule(configMap: unknown, wasm: string): boolean {
  const { metadata, data, binaryData } = isRecord(configMap) ? configMap : {}
  const labels = isRecord(metadata) ? metadata['labels'] : undefined
  const isMeant = isRecord(labels) && labels[LABELS.modules] === 'true'
  return isMeant && [data, binaryData].some((files) => isRecord(files) && Object.hasOwn(files, wasm))
}

function objectsOf({ jobs, texts }: Manifests): FileObject[] {
  return [
    ...texts.map(({ kind, namespace, name, document }) => fileObject(kind, { namespace, name, document })),
    ...jobs.map(({ job, namespace, document }) =>
      fileObject('Job', { namespace, name: job.metadata.name, document }),
    ),
  ]
}

function fileObject(
  kind: FileObject['kind'],
  { namespace, name, document }: { namespace: string; name: string; document: FileDocument },
): FileObject {
  const value = withoutNulls(document.value) as { readonly metadata: object }
  return {
    kind,
    namespace,
    name,
    manifest: { ...value, metadata: { ...value.metadata, namespace } },
    fault: document.fault,
  }
}

function strayFaults(objects: readonly FileObject[], only: string): JobFileFault[] {
  const strays = objects.filter(({ namespace }) => namespace !== only)
  return strays.map(({ kind, name, namespace, fault }) => {
    const message = `the ${kind} ${name} names the namespace ${namespace}, and -n says ${only}; take one of them out`
    return fault(['metadata', 'namespace'], message)
  })
}
