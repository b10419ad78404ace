import { isRecord, pathOfPointer, withoutNulls } from '../../crds/structure.ts'
import { compileWithDefaults, type Validate } from '../../schemas/validator.ts'
import type { FileDocument } from './documents.ts'
import type { JobFileFault } from './fault.ts'

/** The texts of a ConfigMap or of a Secret, decoded. */
export interface TextMap {
  readonly kind: 'ConfigMap' | 'Secret'
  readonly namespace: string
  readonly name: string
  readonly data: ReadonlyMap<string, string>
  readonly document: FileDocument
}

const texts = (value: object = {}) => ({
  type: 'object',
  propertyNames: { maxLength: 253, pattern: '^[-._A-Za-z0-9]+$' },
  additionalProperties: { type: 'string', ...value },
})
const base64 = {
  pattern: '^[A-Za-z0-9+/\\s]*={0,2}\\s*$',
  description: 'base64; plain text goes under stringData',
}

const kinds = {
  ConfigMap: objectSchema({ data: texts(), binaryData: texts(base64), immutable: { type: 'boolean' } }),
  Secret: objectSchema({
    data: texts(base64),
    stringData: texts(),
    type: { type: 'string' },
    immutable: { type: 'boolean' },
  }),
}
const validators = new Map<string, Validate>()

/** Reads a ConfigMap or a Secret, or returns its faults. `namespace` is for one that names none. */
export function readTextMap(
  kind: TextMap['kind'],
  document: FileDocument,
  namespace: string,
): TextMap | JobFileFault[] {
  const value = withoutNulls(document.value)
  const check = validators.get(kind) ?? compileWithDefaults(kinds[kind])
  validators.set(kind, check)
  const faults = check(value)
  if (faults.length > 0) {
    return faults.map(({ pointer, detail }) => document.fault(pathOfPointer(pointer, value), detail))
  }
  const { metadata, data = {}, stringData = {} } = value as Manifest
  const decoded = kind === 'Secret' ? Object.entries(data).map(decode) : Object.entries(data)
  return {
    kind,
    namespace: metadata.namespace ?? namespace,
    name: metadata.name,
    data: new Map([...decoded, ...Object.entries(stringData)]),
    document,
  }
}

/** The path of a key's text in its document. */
export function pathOfKey({ document }: TextMap, key: string): readonly string[] {
  const stringData = isRecord(document.value) ? document.value['stringData'] : undefined
  return [isRecord(stringData) && Object.hasOwn(stringData, key) ? 'stringData' : 'data', key]
}

interface Manifest {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
}

function decode([key, text]: [string, string]): [string, string] {
  return [key, Buffer.from(text, 'base64').toString('utf8')]
}

function objectSchema(fields: object): object {
  return {
    type: 'object',
    required: ['metadata'],
    additionalProperties: false,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', maxLength: 253, pattern: '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$' },
          namespace: { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
        },
      },
      ...fields,
    },
  }
}
