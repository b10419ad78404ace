import { compile } from 'json-schema-to-typescript'

import { CRD_BANNER, rewrite, type Schema } from './crd.ts'

/** The name of the interface of each object of the schema. */
const INTERFACES: Readonly<Record<string, string>> = {
  '': 'Job',
  '/metadata': 'JobMetadata',
  '/metadata/ownerReferences/*': 'JobOwnerReference',
  '/spec': 'JobSpec',
  '/spec/events/*': 'JobEvent',
  '/spec/events/*/schema': 'JobEventSchema',
  '/spec/events/*/env/*': 'JobEnv',
  '/spec/events/*/env/*/valueFrom': 'JobEnvSource',
  '/spec/events/*/env/*/valueFrom/secretKeyRef': 'JobEnvSecretKey',
  '/spec/events/*/env/*/valueFrom/configMapKeyRef': 'JobEnvConfigMapKey',
  '/spec/events/*/retry': 'JobRetry',
  '/spec/events/*/runner': 'JobRunner',
  '/spec/events/*/listener': 'JobListener',
  '/spec/events/*/listener/auth': 'JobListenerAuth',
  '/spec/events/*/listener/auth/secretKeyRef': 'JobAuthSecretKey',
  '/spec/events/*/output': 'JobOutput',
  '/spec/events/*/output/sink': 'JobSink',
  '/spec/events/*/output/sink/ref': 'JobSinkRef',
  '/spec/queue': 'JobQueue',
  '/status': 'JobStatus',
  '/status/conditions/*': 'JobCondition',
  '/status/granted': 'JobGranted',
  '/status/events/*': 'JobEventStatus',
}

/**
 * The TypeScript types of a Job with its defaults: a field that has a default is never missing. Throws an Error for an
 * object that has no name in INTERFACES.
 */
export async function jobTypes(schema: Schema): Promise<string> {
  const named = rewrite(schema, (copy, path) => {
    if (!copy.properties) return copy
    const title = INTERFACES[path]
    if (!title) throw new Error(`name the interface of ${path} in scripts/generate/job-types.ts`)
    const defaulted = Object.entries(copy.properties).filter(([, child]) => 'default' in child)
    return { ...copy, title, required: [...(copy.required ?? []), ...defaulted.map(([name]) => name)] }
  })
  return compile(withoutExtensions(named) as Parameters<typeof compile>[0], 'Job', {
    bannerComment: `// ${CRD_BANNER}`,
    additionalProperties: true,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
    format: false,
  })
}

// Otherwise the comments would repeat limits and defaults.
function withoutExtensions(schema: Schema): Schema {
  const kept = new Set([
    'type',
    'description',
    'properties',
    'required',
    'items',
    'enum',
    'title',
    'additionalProperties',
  ])
  return rewrite(schema, (copy) =>
    Object.fromEntries(Object.entries(copy).filter(([keyword]) => kept.has(keyword))),
  )
}
