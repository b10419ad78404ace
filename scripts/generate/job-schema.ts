import { CRD_BANNER, rewrite, type Schema } from './crd.ts'

const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more })
const qualifiedName = '^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$'
const textMap = (description: string, value: Schema): Schema => ({
  type: 'object',
  description,
  propertyNames: { maxLength: 317, pattern: qualifiedName },
  additionalProperties: { type: 'string', ...value },
})

/** The schema of metadata. The API server has it; a CustomResourceDefinition must not repeat it. */
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
    annotations: textMap('Annotations, by people and programs.', {}),
    finalizers: {
      type: 'array',
      description: 'Who has to agree before the object is deleted.',
      items: { type: 'string' },
    },
    ownerReferences: {
      type: 'array',
      description: 'The objects with which this one is deleted.',
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
            description: 'Whether the owner is deleted only after the object.',
          },
        },
      },
    },
    generateName: text('A prefix from which the API server makes a name.'),
    uid: text('The unique id; set by the API server.'),
    resourceVersion: text('The version of the stored object; set by the API server.'),
    generation: { type: 'integer', description: 'Counts the changes of the spec; set by the API server.' },
    creationTimestamp: text('When the object was created; set by the API server.'),
    deletionTimestamp: text('When the object is to be deleted; set by the API server.'),
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

/** The JSON Schema of a Job file. Like the API server it refuses unknown fields. */
export function jobSchema(openApi: Schema): Schema {
  const closed = rewrite({ ...openApi, properties: { ...openApi.properties, metadata } }, closedObject)
  const { apiVersion, kind, ...rest } = closed.properties ?? {}
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $comment: CRD_BANNER,
    ...closed,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { ...apiVersion, enum: ['jobico.coeux.dev/v1'] },
      kind: { ...kind, enum: ['Job'] },
      ...rest,
    },
  }
}

// JSON Schema has no int32, and every integer has limits of its own.
function closedObject({ format: intFormat, ...schema }: Schema): Schema {
  const kept =
    intFormat === undefined || schema['type'] === 'integer' ? schema : { ...schema, format: intFormat }
  return kept.properties ? { ...kept, additionalProperties: false } : kept
}
