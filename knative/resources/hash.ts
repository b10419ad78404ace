import { createHash } from 'node:crypto'

import { ANNOTATIONS } from './labels.ts'
import type { KubeObject } from '../kube/object.ts'

export { covers } from '../../functions/jetstream/config-drift.ts'

/** Adds the hash of an object to its annotations. Equal objects have equal hashes, whatever the order of their keys. */
export function withHash<T extends KubeObject>(object: T): T {
  const hash = createHash('sha256').update(canonicalJson(object)).digest('hex')
  const annotations = { ...object.metadata.annotations, [ANNOTATIONS.hash]: hash }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

/** JSON with the keys of every object sorted. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
