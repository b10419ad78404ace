import { readFile } from 'node:fs/promises'

import { parse } from 'yaml'

import type { Kind } from '../../knative/kube/kinds.ts'

/** The kind CustomResourceDefinition. */
export const CRD: Kind = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}

/** The CustomResourceDefinition of Jobs. */
export async function jobDefinition(): Promise<object> {
  const file = new URL('../../crds/jobs.jobico.coeux.dev.yaml', import.meta.url)
  return parse(await readFile(file, 'utf8')) as object
}

/** A CustomResourceDefinition that accepts any object of the kind. */
export function openDefinition({ apiVersion, kind, plural }: Kind): object {
  const [group = '', name = ''] = apiVersion.split('/')
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return {
    apiVersion: CRD.apiVersion,
    kind: CRD.kind,
    metadata: {
      name: `${plural}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name, served: true, storage: true, subresources: { status: {} }, schema }],
    },
  }
}
