import { compileWithDefaults, type Validate } from '../schemas/validator.ts'
import jobSchema from './job.schema.json' with { type: 'json' }
import type { Job } from './job.ts'
import { meantField } from './known-fields.ts'
import { ruleFaults } from './rules.ts'
import {
  isRecord,
  pathOfPointer,
  places,
  withoutNulls,
  type ObjectPath,
  type Place,
  type StructuralSchema,
} from './structure.ts'

/** One thing that is wrong with a Job: where, and what, in words that say what to do. */
export interface JobFault {
  readonly path: ObjectPath
  readonly message: string
}

/** A Job with its defaults, or everything that is wrong with it. */
export type Admission = { readonly job: Job } | { readonly faults: readonly JobFault[] }

const schema = jobSchema as unknown as StructuralSchema // TypeScript's own type of the JSON file is too large to use
let compiled: Validate | undefined

/**
 * Checks an object as the API server would on `kubectl apply`, by the same CustomResourceDefinition: first unknown fields,
 * types and limits, then duplicate keys in lists and the CEL rules. Does not change `value`. Drops a status without checking
 * it, as the API server does.
 */
export function admitJob(value: unknown): Admission {
  compiled ??= compileWithDefaults(jobSchema)
  const job = withoutStatus(withoutNulls(value))
  const faults = compiled(job).map(({ pointer, detail }) => {
    const path = pathOfPointer(pointer, job)
    const meant = isUnknownField(detail) ? meantField(schema, path) : undefined
    return { path, message: meant === undefined ? detail : `${detail}; ${meant}` }
  })
  if (faults.length > 0) return { faults }
  const broken = [...places(schema, job)].flatMap((place) => [
    ...duplicateFaults(place),
    ...ruleFaults(place.schema, place.value, place.path),
  ])
  return broken.length > 0 ? { faults: broken } : { job: job as Job }
}

/** Whether the validator has found an unknown field, and no known one that is spelt like it. */
function isUnknownField(detail: string): boolean {
  return detail.startsWith('unknown field ') && detail.endsWith('"')
}

function withoutStatus(value: unknown): unknown {
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'status'))
}

function duplicateFaults({ schema, value, path }: Place): JobFault[] {
  const keys = schema['x-kubernetes-list-map-keys']
  if (!keys || !Array.isArray(value)) return []
  const names = value.map((item: Readonly<Record<string, unknown>>) =>
    keys.map((key) => String(item[key])).join('/'),
  )
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          {
            path: [...path, index, ...keys.slice(0, 1)],
            message: `${name} is there twice; give each item its own ${keys.join('/')}`,
          },
        ],
  )
}
