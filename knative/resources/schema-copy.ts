import type { Job, JobEvent } from '../../crds/job.ts'
import { digestOf } from '../../functions/modules/digest.ts'
import { childMetadata } from './child.ts'
import type { KubeObject } from '../kube/object.ts'
import { ANNOTATIONS } from './labels.ts'
import { schemaCopyName } from './names.ts'

/** The data key of a schema copy, and the name of the file in pods. */
export const SCHEMA_KEY = 'schema.json'

/** A schema copy: an immutable ConfigMap. */
export interface SchemaConfigMap extends KubeObject {
  readonly apiVersion: 'v1'
  readonly kind: 'ConfigMap'
  readonly immutable: true
  readonly data: Readonly<Record<string, string>>
}

/** The digest of a schema's text, `sha256-<hex>`. */
export function schemaDigest(text: string): string {
  return digestOf(text)
}

/** The copy of an event's schema. Pods read the copy, since users may change their own ConfigMap at any time. */
export function schemaCopy(job: Job, event: JobEvent, digest: string, text: string): SchemaConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: childMetadata(job, event, {
      component: 'listener',
      name: schemaCopyName(event.name, digest),
      annotations: { [ANNOTATIONS.schema]: digest },
    }),
    immutable: true,
    data: { [SCHEMA_KEY]: text },
  }
}
