import type { JobEnv, JobEvent } from '../../crds/job.ts'
import type { ObjectPath } from '../../crds/structure.ts'
import { messageOf } from '../../functions/process/errors.ts'
import { compiledSchema } from './compiled-schemas.ts'
import { pathOfKey, type TextMap } from './core-kinds.ts'
import type { FileDocument } from './documents.ts'
import type { JobFileFault } from './fault.ts'
import { parseJsonText } from './json-text.ts'
import { readSchemaFile, schemaFilePaths, type UsedSchemaFile } from './schema-files.ts'

/** The document of a reference, the objects to which it can refer, and the list to which faults are added. */
export interface Referrer {
  readonly document: FileDocument
  readonly namespace: string
  readonly texts: readonly TextMap[]
  /** Whether objects may be in the cluster instead of the files; then a missing one is not a fault. */
  readonly elsewhere: boolean
  readonly faults: JobFileFault[]
  /** The Job that refers. */
  readonly job: string
  /** Gets the schemas that were found in plain files. */
  readonly schemaFiles: UsedSchemaFile[]
}

interface Reference {
  readonly kind: TextMap['kind']
  readonly name: string
  /** The accepted keys; the first that exists is used. */
  readonly keys: readonly string[]
  readonly path: ObjectPath
}

interface Found {
  readonly text: string
  readonly key: string
  readonly source: TextMap
}

/**
 * Reads and checks the schema of an event, from its ConfigMap or, where the files have none of that name, from a plain file
 * beside the Job file. Undefined if it is in neither, or has a fault, which is added to `faults`.
 */
export async function schemaOf(
  event: JobEvent,
  at: ObjectPath,
  referrer: Referrer,
): Promise<{ text: string; json: unknown } | undefined> {
  const { key, name = key } = event.schema
  const path = [...at, 'schema', event.schema.name === undefined ? 'key' : 'name']
  const { texts, namespace, document } = referrer
  if (texts.some((text) => isNamed(text, { kind: 'ConfigMap', name, namespace })))
    return schemaInConfigMap({ kind: 'ConfigMap', name, keys: [key, `${key}.json`], path }, referrer)
  const file = await readSchemaFile(document.file, key)
  if (file !== undefined && 'fault' in file) {
    referrer.faults.push(document.fault([...at, 'schema', 'key'], file.fault))
    return undefined
  }
  if (file !== undefined) {
    const fault = (message: string) => document.fault(path, message)
    referrer.schemaFiles.push({ ...file, namespace, configMap: name, key, job: referrer.job, fault })
    return checkedSchema(file.text, referrer, {
      atLine: (line, message) => ({ file: file.file, line, message }),
      atStart: (message) => ({ file: file.file, message }),
    })
  }
  if (!referrer.elsewhere) {
    const configMaps = texts.filter(({ kind }) => kind === 'ConfigMap').map(label)
    const message = `the ConfigMap ${name}${placeText(namespace)} with the data key ${key} or ${key}.json is in none of the files, which have ${nameAll(configMaps, 'ConfigMap')}; put the schema into ${schemaFilePaths(document.file, key)[0] ?? key}, or add the ConfigMap to this file, or name its file too`
    referrer.faults.push({ ...document.fault(path, message), lookedFor: schemaFilePaths(document.file, key) })
  }
  return undefined
}

function schemaInConfigMap(
  reference: Reference,
  referrer: Referrer,
): { text: string; json: unknown } | undefined {
  const [key] = reference.keys
  const found = lookUp(
    reference,
    referrer,
    `, or remove the ConfigMap from the files and keep the schema in ${schemaFilePaths(referrer.document.file, key ?? '')[0] ?? ''}`,
  )
  if (!found) return undefined
  const { document } = found.source
  const place = pathOfKey(found.source, found.key)
  return checkedSchema(found.text, referrer, {
    atLine: (line, message) => document.faultInText(place, line, message),
    atStart: (message) => document.fault(place, message),
  })
}

interface SchemaPlace {
  atLine(line: number, message: string): JobFileFault
  atStart(message: string): JobFileFault
}

function checkedSchema(
  text: string,
  { faults }: Referrer,
  { atLine, atStart }: SchemaPlace,
): { text: string; json: unknown } | undefined {
  const json = parseJsonText(text)
  if ('message' in json) {
    faults.push(atLine(json.line, `the schema is not JSON: ${json.message}; correct it`))
    return undefined
  }
  try {
    compiledSchema({ text, json: json.value })
    return { text, json: json.value }
  } catch (thrown) {
    faults.push(atStart(messageOf(thrown)))
    return undefined
  }
}

/** The variables of an event, by name, with the values of the keys to which they refer. */
export function envOf(event: JobEvent, at: ObjectPath, referrer: Referrer): Record<string, string> {
  const entries = event.env.map((variable, index): [string, string] => {
    const path = [...at, 'env', index]
    const value = variable.value ?? referredValue(variable, [...path, 'valueFrom'], referrer) ?? ''
    if (value.includes('\0')) {
      referrer.faults.push(
        referrer.document.fault(
          path,
          'the value contains a zero byte, which a variable can not have; give another value',
        ),
      )
    }
    return [variable.name, value]
  })
  return Object.fromEntries(entries)
}

/**
 * The text of the Secret's key with the bearer tokens. Undefined if the event needs no tokens, if the Secret is not in the
 * files, or with a fault, which is added to `faults`.
 */
export function authTokensOf(event: JobEvent, at: ObjectPath, referrer: Referrer): string | undefined {
  const reference = event.listener.auth?.secretKeyRef
  if (!reference) return undefined
  const path = [...at, 'listener', 'auth', 'secretKeyRef']
  const found = lookUp({ kind: 'Secret', name: reference.name, keys: [reference.key], path }, referrer)
  if (!found) return undefined
  if (found.text.trim() !== '') return found.text
  const message = `the key ${reference.key} of the Secret ${reference.name} is empty; write one token a line into it`
  referrer.faults.push(referrer.document.fault(path, message))
  return undefined
}

function referredValue({ valueFrom }: JobEnv, at: ObjectPath, referrer: Referrer): string | undefined {
  const { secretKeyRef, configMapKeyRef } = valueFrom ?? {}
  if (secretKeyRef) {
    const { name, key } = secretKeyRef
    return lookUp({ kind: 'Secret', name, keys: [key], path: [...at, 'secretKeyRef'] }, referrer)?.text
  }
  if (!configMapKeyRef) return undefined
  const { name, key } = configMapKeyRef
  return lookUp({ kind: 'ConfigMap', name, keys: [key], path: [...at, 'configMapKeyRef'] }, referrer)?.text
}

/** `otherWay` is what can be done about a missing key besides adding it. */
function lookUp(reference: Reference, referrer: Referrer, otherWay = ''): Found | undefined {
  const { kind, name, keys, path } = reference
  const { texts, namespace, elsewhere, faults, document } = referrer
  const ofKind = texts.filter((text) => text.kind === kind)
  const source = ofKind.find((text) => isNamed(text, { kind, name, namespace }))
  if (!source && elsewhere) return undefined
  const key = keys.find((candidate) => source?.data.has(candidate))
  const text = key === undefined ? undefined : source?.data.get(key)
  if (source && key !== undefined && text !== undefined) return { text, key, source }
  const wanted = `the ${kind} ${name}${placeText(namespace)}`
  const message = source
    ? `${wanted} has no data key ${keys.join(' or ')}, only ${nameAll([...source.data.keys()], 'key')}; add the key or correct its name${otherWay}`
    : `${wanted} with the data key ${keys.join(' or ')} is in none of the files, which have ${nameAll(ofKind.map(label), kind)}; ` +
      'add it to this file, or name its file too'
  faults.push(document.fault(path, message))
  return undefined
}

function isNamed(text: TextMap, { kind, name, namespace }: Omit<TextMap, 'data' | 'document'>): boolean {
  return text.kind === kind && text.name === name && text.namespace === namespace
}

function placeText(namespace: string): string {
  return namespace === 'default' ? '' : ` of the namespace ${namespace}`
}

function label({ name, namespace }: TextMap): string {
  return namespace === 'default' ? name : `${namespace}/${name}`
}

function nameAll(names: readonly string[], what: string): string {
  return names.length > 0 ? names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '') : `no ${what}`
}
