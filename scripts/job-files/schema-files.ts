import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { messageOf } from '../../functions/process/errors.ts'
import { MOST_DATA_BYTES, OBJECT_NAME, tooLarge } from './core-kinds.ts'
import type { JobFileFault } from './fault.ts'

/** A schema that is kept as a plain file beside a Job file; `file` is its path as that of the Job file was given. */
export interface SchemaFile {
  readonly file: string
  readonly text: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true }) // leaves out a byte order mark, which is no JSON

/** Where the schema of a key may be as a plain file: `<key>.json` or `<key>`, in the folder of the Job file. Pure. */
export function schemaFilePaths(jobFile: string, key: string): readonly string[] {
  return [`${key}.json`, key].map((name) => join(dirname(jobFile), name))
}

/** Reads the plain file of a schema. Undefined if there is none. A fault is a sentence, for the place of the reference. */
export async function readSchemaFile(
  jobFile: string,
  key: string,
): Promise<SchemaFile | { readonly fault: string } | undefined> {
  const paths = schemaFilePaths(jobFile, key)
  const found = (await Promise.all(paths.map(sizeOf))).flatMap((bytes, index) => {
    const file = paths[index]
    return bytes === undefined || file === undefined ? [] : [{ file, bytes }]
  })
  const [first, second] = found
  if (first === undefined) return undefined
  if (second !== undefined)
    return {
      fault: `the schema may be in ${first.file} or in ${second.file}, and both are there; remove one of them`,
    }
  const { file, bytes } = first
  if (bytes > MOST_DATA_BYTES) return { fault: tooLarge(`the schema in ${file}`, bytes) }
  try {
    return { file, text: utf8.decode(await readFile(file)) }
  } catch (thrown) {
    return { fault: `the schema in ${file} can not be read: ${messageOf(thrown)}` }
  }
}

/** The size of a file in bytes; undefined where there is none, or a folder. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() === true ? found.size : undefined
}

/** A schema file that stands for a data key of a ConfigMap, and the Jobs whose events refer to it. */
export interface UsedSchemaFile extends SchemaFile {
  readonly namespace: string
  readonly configMap: string
  readonly key: string
  readonly job: string
  /** A fault at the reference in the Job file. */
  fault(message: string): JobFileFault
}

/** The ConfigMap that schema files make together. */
export interface SchemaConfigMap {
  readonly namespace: string
  readonly name: string
  readonly data: Readonly<Record<string, string>>
  /** The Jobs that refer to it. */
  readonly jobs: readonly string[]
  /** The files that it is made of. */
  readonly files: readonly string[]
}

/** Makes the ConfigMaps that a cluster needs for schemas in plain files, and finds those that it would refuse. Pure. */
export function schemaConfigMaps(used: readonly UsedSchemaFile[]): {
  readonly configMaps: readonly SchemaConfigMap[]
  readonly faults: readonly JobFileFault[]
} {
  // The files were read in any order.
  const sorted = used.toSorted((one, other) => (one.file < other.file ? -1 : 1))
  const groups = Object.values(
    Object.groupBy(sorted, ({ namespace, configMap }) => `${namespace}/${configMap}`),
  )
  const configMaps = groups.flatMap((group = []) => {
    const [first] = group
    return first === undefined
      ? []
      : [
          {
            namespace: first.namespace,
            name: first.configMap,
            data: Object.fromEntries(group.map(({ key, text }) => [key, text])),
            jobs: [...new Set(group.map(({ job }) => job))],
            files: [...new Set(group.map(({ file }) => file))],
          },
        ]
  })
  return { configMaps, faults: groups.flatMap((group = []) => groupFaults(group)) }
}

function groupFaults(group: readonly UsedSchemaFile[]): JobFileFault[] {
  const [first] = group
  if (first === undefined) return []
  const { configMap } = first
  if (!isObjectName(configMap))
    return [
      first.fault(
        `a cluster keeps the schema in a ConfigMap, and ${configMap} can not be the name of one: ${OBJECT_NAME.description}; add schema.name with another name, and leave the key`,
      ),
    ]
  const byKey = new Map<string, UsedSchemaFile>()
  for (const each of group) {
    const other = byKey.get(each.key) ?? each
    byKey.set(each.key, other)
    if (other.text !== each.text)
      return [
        each.fault(
          `${other.file} and ${each.file} differ, and both would be the data key ${each.key} of the ConfigMap ${configMap}; give one of them another schema.name`,
        ),
      ]
  }
  const bytes = [...byKey.values()].reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  if (bytes <= MOST_DATA_BYTES) return []
  const files = [...byKey.values()].map(({ file }) => file).join(', ')
  return [first.fault(tooLarge(`the ConfigMap ${configMap} of the schemas in ${files}`, bytes))]
}

function isObjectName(name: string): boolean {
  return name.length <= OBJECT_NAME.maxLength && new RegExp(OBJECT_NAME.pattern).test(name)
}
