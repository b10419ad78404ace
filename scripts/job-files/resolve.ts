import { dirname, join } from 'node:path'

import type { JobEvent } from '../../crds/job.ts'
import { parseQuantity } from '../../crds/quantity.ts'
import type { ObjectPath } from '../../crds/structure.ts'
import { neverSinks } from '../../functions/process/never-sinks.ts'
import type { JobFileFault } from './fault.ts'
import type { LocalEvent, LocalJob, LocalModule } from './local-job.ts'
import type { JobManifest, Manifests } from './manifests.ts'
import { findModule } from './modules.ts'
import { schemaConfigMaps, schemaFilePaths, type UsedSchemaFile } from './schema-files.ts'
import { authTokensOf, envOf, schemaOf, type Referrer } from './references.ts'

/**
 * Finds everything that the Jobs refer to. A missing object is a fault, and its event may be left out. `schemaPaths` are the
 * places where schemas are looked for that no ConfigMap of the files has.
 */
export async function resolveJobs({
  jobs,
  texts,
}: Manifests): Promise<{ jobs: LocalJob[]; faults: JobFileFault[]; schemaPaths: string[] }> {
  const faults: JobFileFault[] = []
  const schemaFiles: UsedSchemaFile[] = []
  const resolved = await Promise.all(
    jobs.map(async (manifest): Promise<LocalJob> => {
      const { job, namespace, document } = manifest
      const referrer = {
        ...{ document, namespace, texts, elsewhere: false, faults, schemaFiles },
        job: job.metadata.name,
      }
      const onlyModule = modulesOfFile(jobs, document.file) === 1
      const events = await Promise.all(
        job.spec.events.map((event, index) =>
          resolveEvent(event, ['spec', 'events', index], { ...referrer, onlyModule }),
        ),
      )
      const found = events.filter((event) => event !== undefined)
      return {
        namespace,
        name: job.metadata.name,
        file: document.file,
        queue: queueOf(manifest),
        events: found,
      }
    }),
  )
  return {
    jobs: resolved,
    faults: [...faults, ...schemaConfigMaps(schemaFiles).faults],
    schemaPaths: jobs.flatMap((job) => schemaPathsOf(job, texts)),
  }
}

function schemaPathsOf({ job, namespace, document }: JobManifest, texts: Manifests['texts']): string[] {
  const inConfigMap = ({ schema: { key, name = key } }: JobEvent) =>
    texts.some((text) => text.kind === 'ConfigMap' && text.name === name && text.namespace === namespace)
  return job.spec.events
    .filter((event) => !inConfigMap(event))
    .flatMap(({ schema }) => schemaFilePaths(document.file, schema.key))
}

/** How many modules the Jobs of a file name. */
export function modulesOfFile(jobs: readonly JobManifest[], file: string): number {
  const ofFile = jobs.filter(({ document }) => document.file === file)
  return new Set(ofFile.flatMap(({ job }) => job.spec.events.map(({ wasm }) => wasm))).size
}

function queueOf({ job }: JobManifest): LocalJob['queue'] {
  const { storage, maxBytes, duplicateWindowSeconds, doneRetentionSeconds, deadRetentionSeconds } =
    job.spec.queue
  return {
    storage,
    maxBytes: parseQuantity(maxBytes),
    duplicateWindowSeconds,
    doneRetentionSeconds,
    deadRetentionSeconds,
  }
}

interface EventReferrer extends Referrer {
  readonly onlyModule: boolean
}

async function resolveEvent(
  event: JobEvent,
  at: ObjectPath,
  referrer: EventReferrer,
): Promise<LocalEvent | undefined> {
  const { retry, runner } = event
  const schema = await schemaOf(event, at, referrer)
  const env = envOf(event, at, referrer)
  const authTokens = authTokensOf(event, at, referrer)
  const output = outputOf(event, at, referrer)
  const module = await moduleOf(event, at, referrer)
  if (!schema || !module) return undefined
  return {
    name: event.name,
    schema,
    module,
    timeoutMs: event.timeoutSeconds * 1000,
    memoryBytes: parseQuantity(event.memory),
    env,
    retry: {
      maxAttempts: retry.maxAttempts,
      minDelayMs: retry.minDelaySeconds * 1000,
      maxDelayMs: retry.maxDelaySeconds * 1000,
    },
    runner: { maxReplicas: runner.maxReplicas, concurrency: runner.concurrency },
    ...(authTokens !== undefined && { authTokens }),
    ...(output && { output }),
  }
}

/** `jobico dev` may send to this machine. */
const NEVER = neverSinks({ loopback: true })

function outputOf(
  { output }: JobEvent,
  at: ObjectPath,
  { document, faults }: Referrer,
): LocalEvent['output'] {
  if (output?.event !== undefined) return { event: output.event }
  if (output?.sink?.uri !== undefined) {
    const { uri } = output.sink
    const why = NEVER.host(URL.parse(uri)?.hostname ?? '')
    if (why !== undefined) {
      const message = `${uri} has ${why}, which never takes results; name another sink`
      faults.push(document.fault([...at, 'output', 'sink', 'uri'], message))
    }
    return { sink: uri }
  }
  if (output) {
    const message =
      'a sink by ref exists only in a cluster; on this machine give it by uri, such as uri: http://127.0.0.1:3000'
    faults.push(document.fault([...at, 'output', 'sink', 'ref'], message))
  }
  return undefined
}

async function moduleOf(
  event: JobEvent,
  at: ObjectPath,
  referrer: EventReferrer,
): Promise<LocalModule | undefined> {
  const { document, faults, onlyModule } = referrer
  const found = await findModule({ wasm: event.wasm, jobFile: document.file, onlyModule })
  if ('kind' in found) return found
  const places = found.lookedFor.join(', ')
  const message = `the module ${event.wasm} was not found; looked beside the Job file for ${places}; put it in one of these places`
  const lookedFor = found.lookedFor.map((place) => join(dirname(document.file), place))
  faults.push({ ...document.fault([...at, 'wasm'], message), lookedFor })
  return undefined
}
