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
import { schemaConfigMaps, type SchemaConfigMap, type UsedSchemaFile } from './schema-files.ts'

/** The field manager of every object that the CLI applies. */
export const CLI_MANAGER = 'jobico-cli'

/** One event of a Job to deploy. */
export interface ClusterEvent {
  readonly name: string
  /** Name of the module in the cluster. */
  readonly wasm: string
  readonly memoryBytes: number
  /** Undefined if the module is not in the files, but in the cluster. */
  readonly module: LocalModule | undefined
  /** Undefined if the schema is in none of the files; then the cluster has to have it. */
  readonly schema: { readonly text: string; readonly json: unknown } | undefined
  /** The ConfigMap of the schema, and the keys under which it may be; the first key that exists is used. */
  readonly schemaPlace: { readonly name: string; readonly keys: readonly string[] }
  /** The Secret and key of the bearer tokens; undefined if anyone may send. */
  readonly tokens: { readonly name: string; readonly key: string } | undefined
}

/** A Job to deploy. */
export interface ClusterJob {
  readonly namespace: string
  readonly name: string
  /** Path of the file, as the user gave it. */
  readonly file: string
  readonly events: readonly ClusterEvent[]
}

/** An object to apply; its manifest names its namespace. */
export interface FileObject {
  readonly kind: 'ConfigMap' | 'Secret' | 'Job'
  readonly namespace: string
  readonly name: string
  readonly manifest: object
  /** Only for an object that is in no document, the ConfigMap of schemas in plain files: the Jobs that refer to it. */
  readonly owners?: readonly string[]
  /** A fault at a place of the object in its file. */
  fault(path: ObjectPath, message: string): JobFileFault
}

/** The Jobs of files, and all objects in the order in which to apply them, Jobs last. */
export interface ClusterFiles {
  readonly jobs: readonly ClusterJob[]
  readonly objects: readonly FileObject[]
}

/** What is needed of the cluster to read files for it. */
export interface ClusterPlace {
  /** The namespace of documents without one. */
  readonly namespace: string
  /** Refuses documents that name another namespace. */
  readonly only: boolean
  /** Whether the namespace already has a module of this name. */
  hasModule(namespace: string, name: string): Promise<boolean>
}

/**
 * Reads the Jobs, ConfigMaps and Secrets of YAML files, to deploy them. Objects that Jobs refer to may be in the files or in
 * the cluster. Throws one JobFileError with all faults.
 */
export async function loadForCluster(paths: readonly string[], place: ClusterPlace): Promise<ClusterFiles> {
  const { files, manifests } = await readJobFiles(paths, { namespace: place.namespace, inCluster: true })
  const objects = objectsOf(manifests)
  if (place.only) throwFaults(otherNamespaceFaults(objects, place.namespace), files)
  const faults: JobFileFault[] = []
  const schemaFiles: UsedSchemaFile[] = []
  const context = { manifests, place, faults, schemaFiles }
  const jobs = await Promise.all(manifests.jobs.map((job) => clusterJob(job, context)))
  const { configMaps, faults: schemaFaults } = schemaConfigMaps(schemaFiles)
  throwFaults([...faults, ...schemaFaults], files)
  return { jobs, objects: [...configMaps.map(schemaObject), ...objects] }
}

interface JobContext {
  readonly manifests: Manifests
  readonly place: ClusterPlace
  readonly faults: JobFileFault[]
  readonly schemaFiles: UsedSchemaFile[]
}

async function clusterJob(
  { job, namespace, document }: JobManifest,
  context: JobContext,
): Promise<ClusterJob> {
  const events = await Promise.all(
    job.spec.events.map((event, index) =>
      clusterEvent(event, ['spec', 'events', index], {
        ...context,
        ...{ namespace, document, job: job.metadata.name },
      }),
    ),
  )
  return { namespace, name: job.metadata.name, file: document.file, events }
}

interface EventContext extends JobContext {
  readonly namespace: string
  readonly document: FileDocument
  readonly job: string
}

async function clusterEvent(event: JobEvent, at: ObjectPath, context: EventContext): Promise<ClusterEvent> {
  const { manifests } = context
  const referrer: Referrer = { ...context, texts: manifests.texts, elsewhere: true }
  envOf(event, at, referrer)
  authTokensOf(event, at, referrer)
  const { key, name = key } = event.schema
  return {
    name: event.name,
    wasm: event.wasm,
    memoryBytes: parseQuantity(event.memory),
    module: await moduleOf(event, at, context),
    schema: await schemaOf(event, at, referrer),
    schemaPlace: { name, keys: [key, `${key}.json`] },
    tokens: event.listener.auth?.secretKeyRef,
  }
}

async function moduleOf(
  { wasm }: JobEvent,
  at: ObjectPath,
  { document, namespace, manifests, place, faults }: EventContext,
): Promise<LocalModule | undefined> {
  const onlyModule = modulesOfFile(manifests.jobs, document.file) === 1
  const found = await findModule({ wasm, jobFile: document.file, onlyModule })
  if ('kind' in found) return found
  if (hasInFiles(manifests, namespace, wasm) || (await place.hasModule(namespace, wasm))) return undefined
  const message = `the module ${wasm} was not found; looked beside the Job file for ${found.lookedFor.join(', ')}, and in the namespace ${namespace}; put it in one of these places, or push it with: jobico push ${wasm}`
  faults.push(document.fault([...at, 'wasm'], message))
  return undefined
}

/** Whether a ConfigMap of the files has the module. */
function hasInFiles({ texts }: Manifests, namespace: string, wasm: string): boolean {
  return texts.some(
    (text) =>
      text.kind === 'ConfigMap' && text.namespace === namespace && holdsModule(text.document.value, wasm),
  )
}

/** Whether a ConfigMap has the label for modules, and a module of this name. */
export function holdsModule(configMap: unknown, wasm: string): boolean {
  const { metadata, data, binaryData } = isRecord(configMap) ? configMap : {}
  const labels = isRecord(metadata) ? metadata['labels'] : undefined
  const isLabelled = isRecord(labels) && labels[LABELS.modules] === 'true'
  return isLabelled && [data, binaryData].some((files) => isRecord(files) && Object.hasOwn(files, wasm))
}

function objectsOf({ jobs, texts }: Manifests): FileObject[] {
  return [
    ...texts.map(({ kind, namespace, name, document }) => fileObject(kind, { namespace, name, document })),
    ...jobs.map(({ job, namespace, document }) =>
      fileObject('Job', { namespace, name: job.metadata.name, document }),
    ),
  ]
}

function schemaObject({ namespace, name, data, jobs, files }: SchemaConfigMap): FileObject {
  return {
    ...{ kind: 'ConfigMap', namespace, name, owners: jobs },
    manifest: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        ...{ name, namespace },
        labels: { [LABELS.partOf]: 'jobico', [LABELS.managedBy]: CLI_MANAGER },
      },
      data,
    },
    fault: (_path, message) => ({ file: files.join(', '), message }),
  }
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

function otherNamespaceFaults(objects: readonly FileObject[], only: string): JobFileFault[] {
  const others = objects.filter(({ namespace }) => namespace !== only)
  return others.map(({ kind, name, namespace, fault }) => {
    const message = `the ${kind} ${name} names the namespace ${namespace}, but -n says ${only}; remove one of the two`
    return fault(['metadata', 'namespace'], message)
  })
}
