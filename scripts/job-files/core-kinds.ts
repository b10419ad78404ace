import jobSchema from '../../crds/job.schema.json' with { type: 'json' }
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

/** The most bytes of all values of a ConfigMap or of a Secret together, as the API server counts them. */
export const MOST_DATA_BYTES = 1_048_576

const MOST_KEY_LENGTH = 253
const KEY = /^\.?[-_A-Za-z0-9][-._A-Za-z0-9]*$/

/** What the API server takes as the name of a ConfigMap or of a Secret. */
export const OBJECT_NAME = {
  maxLength: 253,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  description:
    'lower-case letters, digits, - and .; a letter or digit on both sides of each dot and at both ends',
} as const

const texts = { type: 'object', additionalProperties: { type: 'string' } }
const kinds = {
  ConfigMap: objectSchema({ data: texts, binaryData: texts, immutable: { type: 'boolean' } }),
  Secret: objectSchema({
    data: texts,
    stringData: texts,
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
  const manifest = value as Manifest
  const broken = dataFaults(kind, manifest)
  if (broken.length > 0) return broken.map(({ path, message }) => document.fault(path, message))
  const { name, namespace: own = namespace } = manifest.metadata
  return { kind, namespace: own, name, data: textsOf(kind, manifest), document }
}

/** The texts by key: of a Secret all, decoded; of a ConfigMap those under `data`. */
function textsOf(kind: TextMap['kind'], { data = {}, stringData = {} }: Manifest): Map<string, string> {
  if (kind === 'ConfigMap') return new Map(Object.entries(data))
  const decoded = Object.entries(data).map(([key, text]): [string, string] => [key, decode(text).toString()])
  return new Map([...decoded, ...Object.entries(stringData)])
}

function decode(base64: string): Buffer {
  return Buffer.from(base64, 'base64')
}

/** Says that an object is past the limit of the API server, and what to do. Pure. */
export function tooLarge(what: string, bytes: number): string {
  return `${what} has ${bytes} bytes of data, and the API server takes at most ${MOST_DATA_BYTES} in one object; take something out, such as the descriptions in a schema, or move keys into another object`
}

/** The path of a key's text in its document. */
export function pathOfKey({ document }: TextMap, key: string): readonly string[] {
  const stringData = isRecord(document.value) ? document.value['stringData'] : undefined
  return [isRecord(stringData) && Object.hasOwn(stringData, key) ? 'stringData' : 'data', key]
}

interface Manifest {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly binaryData?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
}

interface Broken {
  readonly path: readonly string[]
  readonly message: string
}

/** What the API server refuses beyond the types of the fields. */
function dataFaults(kind: TextMap['kind'], manifest: Manifest): Broken[] {
  const { metadata, data = {}, binaryData = {}, stringData = {} } = manifest
  const [field, encoded, plainField, plain] =
    kind === 'Secret'
      ? (['data', data, 'stringData', stringData] as const)
      : (['binaryData', binaryData, 'data', data] as const)
  const broken = [
    ...[field, plainField].flatMap((each) => keyFaults(each, Object.keys(manifest[each] ?? {}))),
    ...encodingFaults(field, encoded, plainField),
    ...Object.keys(binaryData)
      .filter((key) => Object.hasOwn(data, key))
      .map((key) => ({
        path: ['binaryData', key],
        message: `the key ${key} is under data, too; remove one of the two`,
      })),
  ]
  if (broken.length > 0) return broken
  const hidden = Object.entries(encoded).filter(([key]) => !Object.hasOwn(plain, key))
  const values = [...Object.values(plain), ...hidden.map(([, text]) => decode(text))]
  const bytes = values.reduce((sum, value) => sum + Buffer.byteLength(value), 0)
  const message = tooLarge(`the ${kind} ${metadata.name}`, bytes)
  return bytes > MOST_DATA_BYTES ? [{ path: ['metadata', 'name'], message }] : []
}

function keyFaults(field: string, keys: readonly string[]): Broken[] {
  return keys
    .filter((key) => key.length > MOST_KEY_LENGTH || !KEY.test(key))
    .map((key) => ({
      path: [field, key],
      message: `the key must have at most ${MOST_KEY_LENGTH} letters, digits, -, _ and ., and not begin with two dots; give it another name`,
    }))
}

/** What is not base64 as the API server reads it: it skips line breaks, but no blanks, and wants the = at the end. */
function encodingFaults(
  field: string,
  encoded: Readonly<Record<string, string>>,
  plainField: string,
): Broken[] {
  return Object.entries(encoded)
    .filter(([, text]) => !isBase64(text.replaceAll(/[\r\n]/g, '')))
    .map(([key]) => ({
      path: [field, key],
      message: `must be base64, with = at the end where it is due; plain text goes under ${plainField}`,
    }))
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function objectSchema(fields: object): object {
  const { metadata } = jobSchema.properties
  return {
    type: 'object',
    required: ['metadata'],
    additionalProperties: false,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: {
        ...metadata,
        properties: { ...metadata.properties, name: { type: 'string', ...OBJECT_NAME } },
      },
      ...fields,
    },
  }
}
