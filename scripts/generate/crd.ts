import { parse } from 'yaml'

/** The file that the files about a Job are made from, relative to the repository. */
export const CRD_FILE = 'crds/jobs.jobico.coeux.dev.yaml'

/** The first line of what is made from the CustomResourceDefinition. */
export const CRD_BANNER = `Made from ${CRD_FILE} by scripts/generate.ts; change it there.`

/** A rule in CEL that the API server evaluates on the value of a schema. */
export interface CelRule {
  readonly rule: string
  readonly message: string
  /** Below the place of the rule, such as `.retry.minDelaySeconds`. */
  readonly fieldPath?: string
}

/** A structural schema of Kubernetes, as far as it is read here. */
export type Schema = { [keyword: string]: unknown } & {
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: unknown
  required?: string[]
  description?: string
  'x-kubernetes-validations'?: readonly CelRule[]
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string
  readonly description: string
}

/** What the CustomResourceDefinition says of a Job. */
export interface Crd {
  readonly schema: Schema
  readonly columns: readonly PrinterColumn[]
}

/** Reads the text of the CustomResourceDefinition. */
export function readCrd(text: string): Crd {
  const { spec } = parse(text) as CrdFile
  const [{ schema, additionalPrinterColumns: columns }] = spec.versions
  return { schema: schema.openAPIV3Schema, columns }
}

interface CrdFile {
  readonly spec: {
    readonly versions: readonly [
      {
        readonly schema: { readonly openAPIV3Schema: Schema }
        readonly additionalPrinterColumns: readonly PrinterColumn[]
      },
    ]
  }
}

/** Applies `change` to a copy of each schema, from the leaves up; `path` is like /spec/events/*. */
export function rewrite(schema: Schema, change: (copy: Schema, path: string) => Schema, path = ''): Schema {
  const copy = { ...schema }
  if (schema.properties) {
    copy.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, child]) => [
        name,
        rewrite(child, change, `${path}/${name}`),
      ]),
    )
  }
  if (schema.items) copy.items = rewrite(schema.items, change, `${path}/*`)
  return change(copy, path)
}
