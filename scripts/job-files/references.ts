import type { JobEnv, JobEvent } from '../../crds/job.ts'
import type { ObjectPath } from '../../crds/structure.ts'
import { messageOf } from '../../functions/process/errors.ts'
import { compileSchema } from '../../schemas/validator.ts'
import { pathOfKey, type TextMap } from './core-kinds.ts'
import type { FileDocument } from './documents.ts'
import type { JobFileFault } from './fault.ts'
import { parseJsonText } from './json-text.ts'

/** The document of a reference, the objects to which it can refer, and the list to which faults are added. */
export interface Referrer {
  readonly document: FileDocument
  readonly namespace: string
  readonly texts: readonly TextMap[]
  /** Whether objects may be in the cluster instead of the files; then a missing one is not a fault. */
  readonly elsewhere: boolean
  readonly faults: JobFileFault[]
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
 * Reads and checks the schema of an event. Undefined if it is not in the files, or has a fault, which is added to `faults`.
 */
export function schemaOf(
  event: JobEvent,
  at: ObjectPath,
  referrer: Referrer,
): { text: string; json: unknown } | undefined {
  const { key, name = key } = event.schema
  const path = [...at, 'schema', event.schema.name === undefined ? 'key' : 'name']
  const found = lookUp({ kind: 'ConfigMap', name, keys: [key, `${key}.json`], path }, referrer)
  if (!found) return undefined
  const { document } = found.source
  const place = pathOfKey(found.source, found.key)
  const json = parseJsonText(found.text)
  if ('message' in json) {
    referrer.faults.push(
      document.faultInText(place, json.line, `the schema is not JSON: ${json.message}; correct it`),
    )
    return undefined
  }
  try {
    compileSchema(json.value)
    return { text: found.text, json: json.value }
  } catch (thrown) {
    referrer.faults.push(document.fault(place, messageOf(thrown)))
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

function lookUp(reference: Reference, referrer: Referrer): Found | undefined {
  const { kind, name, keys, path } = reference
  const { texts, namespace, elsewhere, faults, document } = referrer
  const ofKind = texts.filter((text) => text.kind === kind)
  const source = ofKind.find((text) => text.name === name && text.namespace === namespace)
  if (!source && elsewhere) return undefined
  const key = keys.find((candidate) => source?.data.has(candidate))
  const text = key === undefined ? undefined : source?.data.get(key)
  if (source && key !== undefined && text !== undefined) return { text, key, source }
  const wanted = `the ${kind} ${name}${namespace === 'default' ? '' : ` of the namespace ${namespace}`}`
  const message = source
    ? `${wanted} has no data key ${keys.join(' or ')}, only ${nameAll([...source.data.keys()], 'key')}; add the key or correct its name`
    : `${wanted} with the data key ${keys.join(' or ')} is in none of the files, which have ${nameAll(ofKind.map(label), kind)}; ` +
      'add it to this file, or name its file too'
  faults.push(document.fault(path, message))
  return undefined
}

function label({ name, namespace }: TextMap): string {
  return namespace === 'default' ? name : `${namespace}/${name}`
}

function nameAll(names: readonly string[], what: string): string {
  return names.length > 0 ? names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '') : `no ${what}`
}
