import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { compile } from 'json-schema-to-typescript'
import { format, resolveConfig } from 'prettier'
import { parse } from 'yaml'

/**
 * Makes, from the CustomResourceDefinition, the schema by which editors complete Job files and `jobico dev` judges them, and
 * the TypeScript types. `--check` changes nothing, and fails when a file is not what it would be made to be.
 */

type Schema = { [keyword: string]: unknown } & {
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: unknown
  required?: string[]
}

const crdFile = 'crds/jobs.jobico.coeux.dev.yaml'
const schemaFile = 'crds/job.schema.json'
const typesFile = 'crds/job.ts'

/** The interface that is made of each object of the schema. */
const interfaces: Readonly<Record<string, string>> = {
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
  '/status/events/*': 'JobEventStatus',
}

const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more })
const qualifiedName = '^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$'
const textMap = (description: string, value: Schema): Schema => ({
  type: 'object',
  description,
  propertyNames: { maxLength: 317, pattern: qualifiedName },
  additionalProperties: { type: 'string', ...value },
})

/** What the API server itself knows of metadata; a CustomResourceDefinition must not repeat it. */
const metadata: Schema = {
  type: 'object',
  description: 'The usual metadata of a Kubernetes object.',
  required: ['name'],
  properties: {
    name: text('The name of the Job, a DNS label of at most 40 characters.', {
      minLength: 1,
      maxLength: 253,
    }),
    namespace: text('The namespace of the Job, a DNS label.', {
      minLength: 1,
      maxLength: 63,
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    }),
    labels: textMap('Labels, by which objects are selected.', {
      maxLength: 63,
      pattern: '^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$',
    }),
    annotations: textMap('Notes of people and programs.', {}),
    finalizers: {
      type: 'array',
      description: 'Who has to agree before the object goes.',
      items: { type: 'string' },
    },
    ownerReferences: {
      type: 'array',
      description: 'The objects that this one goes with.',
      items: {
        type: 'object',
        description: 'An owner of the object.',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        properties: {
          apiVersion: text('The API version of the owner.'),
          kind: text('The kind of the owner.'),
          name: text('The name of the owner.'),
          uid: text('The unique id of the owner.'),
          controller: { type: 'boolean', description: 'Whether the owner manages the object.' },
          blockOwnerDeletion: {
            type: 'boolean',
            description: 'Whether the owner waits for the object to go.',
          },
        },
      },
    },
    generateName: text('A prefix that the API server makes a name of.'),
    uid: text('The unique id; set by the API server.'),
    resourceVersion: text('The version of the stored object; set by the API server.'),
    generation: { type: 'integer', description: 'Counts the changes of the spec; set by the API server.' },
    creationTimestamp: text('When the object was made; set by the API server.'),
    deletionTimestamp: text('When the object is to go; set by the API server.'),
    deletionGracePeriodSeconds: {
      type: 'integer',
      description: 'How long deletion may take; set by the API server.',
    },
    selfLink: text('No longer used.'),
    managedFields: {
      type: 'array',
      description: 'Who set which field; set by the API server.',
      items: { type: 'object' },
    },
  },
}

interface Crd {
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] }
}

/** Applies `change` to a copy of each schema, from the leaves up; `path` is like /spec/events/*. */
function rewrite(schema: Schema, change: (copy: Schema, path: string) => Schema, path = ''): Schema {
  const copy = { ...schema }
  if (schema.properties) {
    copy.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, child]) => [
        name,
        rewrite(child, change, `${path}/${name}`),
      ]),
    )
  }
  if (schema.items) copy.items = rewrite(schema.items, change, `${path}/*`)
  return change(copy, path)
}

/** A JSON Schema of a Job file: what the API server refuses as an unknown field is refused here, too. */
function jobSchema(openApi: Schema): Schema {
  const closed = rewrite({ ...openApi, properties: { ...openApi.properties, metadata } }, closedObject)
  const { apiVersion, kind, ...rest } = closed.properties ?? {}
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: `Made from ${crdFile} by scripts/generate.ts; change it there.`,
    ...closed,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { ...apiVersion, enum: ['jobico.coeux.dev/v1'] },
      kind: { ...kind, enum: ['Job'] },
      ...rest,
    },
  }
}

// JSON Schema has no int32, and every integer has its limits anyway.
function closedObject({ format: intFormat, ...schema }: Schema): Schema {
  const kept =
    intFormat === undefined || schema['type'] === 'integer' ? schema : { ...schema, format: intFormat }
  return kept.properties ? { ...kept, additionalProperties: false } : kept
}

/** The types describe a Job that the defaults have been applied to, so that what has a default is always there. */
async function jobTypes(schema: Schema): Promise<string> {
  const named = rewrite(schema, (copy, path) => {
    if (!copy.properties) return copy
    const title = interfaces[path]
    if (!title) throw new Error(`name the interface of ${path} in scripts/generate.ts`)
    const defaulted = Object.entries(copy.properties).filter(([, child]) => 'default' in child)
    return { ...copy, title, required: [...(copy.required ?? []), ...defaulted.map(([name]) => name)] }
  })
  return compile(withoutExtensions(named) as Parameters<typeof compile>[0], 'Job', {
    bannerComment: `// Made from ${crdFile} by scripts/generate.ts; change it there.`,
    additionalProperties: true,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
    format: false,
  })
}

// Limits and defaults would end up in the comments, which the descriptions say better.
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

/** Every file that is made, by its name, as it must be. */
async function generate(): Promise<Record<string, string>> {
  const root = parse(await readFile(fromRoot(crdFile), 'utf8')) as Crd
  const schema = jobSchema(root.spec.versions[0].schema.openAPIV3Schema)
  const style = await resolveConfig(fromRoot(crdFile))
  return {
    [schemaFile]: await format(JSON.stringify(schema), { ...style, parser: 'json' }),
    [typesFile]: await format(await jobTypes(schema), { ...style, parser: 'typescript' }),
  }
}

function fromRoot(file: string): string {
  return fileURLToPath(new URL(`../${file}`, import.meta.url))
}

const made = await generate()
for (const [file, content] of Object.entries(made)) {
  if (!process.argv.includes('--check')) {
    await writeFile(fromRoot(file), content)
  } else if ((await readFile(fromRoot(file), 'utf8').catch(() => '')) !== content) {
    process.stderr.write(
      `${file} is not what ${crdFile} makes of it: run "node scripts/generate.ts" and commit the result\n`,
    )
    process.exitCode = 1
  }
}
